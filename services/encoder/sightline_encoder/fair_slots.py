"""Who may use a worker: files in turn, and small ones never behind large ones alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

SMALL_SLOTS = 1
"""Slots beside the others which only small files take."""


@dataclass(eq=False)
class Slot:
    """A place on a worker."""

    is_for_small: bool


class FairSlots:
    """Gives out `num_slots` slots for any file, and `SMALL_SLOTS` more for small ones.

    Both in the order of arrival; a small file takes a slot of its own kind first. So it waits
    for small files at most, whatever the large ones do, which have `num_slots` all the same.
    For one event loop.
    """

    def __init__(self, num_slots: int) -> None:
        own = [Slot(is_for_small=True) for _ in range(SMALL_SLOTS)]
        self._free = [*own, *(Slot(is_for_small=False) for _ in range(num_slots))]
        self._waiting: list[tuple[bool, asyncio.Future[Slot]]] = []

    async def acquire(self, *, is_small: bool) -> Slot:
        """Returns a slot as soon as there is one; give it back with `release`."""
        granted: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append((is_small, granted))
        self._grant()
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.release(granted.result())
            raise

    def release(self, slot: Slot) -> None:
        """Takes a slot back; those for small files are given out first."""
        self._free.insert(0 if slot.is_for_small else len(self._free), slot)
        self._grant()

    def _grant(self) -> None:
        waiting, self._waiting = self._waiting, []
        for is_small, granted in waiting:
            slot = next((slot for slot in self._free if is_small or not slot.is_for_small), None)
            if granted.done():
                continue
            if slot is None:
                self._waiting.append((is_small, granted))
            else:
                self._free.remove(slot)
                granted.set_result(slot)
