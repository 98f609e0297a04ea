"""Places for requests that hold features, given by priority."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count


class FeaturePlaces:
    """Among requests of one priority and above, so many hold features at a time.

    Holders that are less urgent are no hindrance, since they may not run before the one that
    waits for them has. The most urgent is next, and among equals the first to come.
    """

    def __init__(self, num_places: int) -> None:
        self._num_places = num_places
        self._held: Counter[int] = Counter()
        self._arrivals = count()
        self._waiting: dict[tuple[int, int], asyncio.Future[None]] = {}

    async def acquire(self, priority: int) -> None:
        """Waits for a place, which `release` gives back."""
        if self._is_free(priority):
            self._held[priority] += 1
            return
        rank = (-priority, next(self._arrivals))
        place = self._waiting[rank] = asyncio.get_running_loop().create_future()
        try:
            await place
        except asyncio.CancelledError:
            self._waiting.pop(rank, None)
            if not place.cancelled():
                # The place was given in the moment in which nobody wanted it any more.
                self.release(priority)
            raise

    def release(self, priority: int) -> None:
        """Gives a place back, and to the most urgent who may have it."""
        self._held[priority] -= 1
        for rank in sorted(self._waiting):
            if not self._is_free(-rank[0]):
                return
            place = self._waiting.pop(rank)
            if not place.cancelled():
                self._held[-rank[0]] += 1
                place.set_result(None)

    def _is_free(self, priority: int) -> bool:
        as_urgent = sum(number for held, number in self._held.items() if held >= priority)
        return as_urgent < self._num_places
