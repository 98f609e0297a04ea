"""Places for requests that hold features, given by priority."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count


class FeaturePlaces:
    """So many requests hold features at a time; of the others the most urgent is next.

    Among equal priorities the first to come is the first to go.
    """

    def __init__(self, num_places: int) -> None:
        self._num_free = num_places
        self._arrivals = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    async def acquire(self, priority: int) -> None:
        """Waits for a place, which `release` gives back."""
        if self._num_free:
            self._num_free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (-priority, next(self._arrivals), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place was given in the moment in which nobody wanted it any more.
                self.release()
            raise

    def release(self) -> None:
        """Gives a place to the most urgent who still waits, or back."""
        while self._waiting:
            _rank, _arrival, place = heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._num_free += 1
