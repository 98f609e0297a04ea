"""Who is next: large requests do not hold up small ones, and small ones do not starve them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Orders work by virtual finish times, without a clock.

    A request's first piece of cost c is due c after the virtual time of its arrival, each
    further piece its own cost later; the virtual time is what the last piece taken was due
    at (self-clocked fair queueing, Golestani 1994). So a small request overtakes the rest of
    a large one, and what waits is overtaken only by requests that arrive before the virtual
    time reaches it.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Item]] = []
        self._arrivals = count()
        self._virtual_time = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, pieces: Iterable[tuple[int, Item]]) -> None:
        """Adds one request's pieces and their costs."""
        due = self._virtual_time
        for cost, item in pieces:
            due += cost
            heapq.heappush(self._heap, (due, next(self._arrivals), item))

    def peek(self) -> Item | None:
        """Returns what is next, if anything; any thread may ask."""
        try:
            return self._heap[0][2]
        except IndexError:
            return None

    def pop(self) -> Item:
        """Takes what is next."""
        self._virtual_time, _, item = heapq.heappop(self._heap)
        return item

    def remove(self, is_unwanted: Callable[[Item], bool]) -> None:
        """Takes out pieces that nobody wants any more."""
        self._heap = [entry for entry in self._heap if not is_unwanted(entry[2])]
        heapq.heapify(self._heap)

    def clear(self) -> list[Item]:
        """Takes everything."""
        items = [item for _, _, item in self._heap]
        self._heap.clear()
        return items
