"""Decoding and preprocessing away from the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from sightline_encoder.comparison_image import ComparisonImage
from sightline_encoder.declared_size import declared_pixels
from sightline_encoder.fair_slots import SMALL_SLOTS, FairSlots, Slot
from sightline_encoder.pixel_budget import FrameBudget, PixelBudget
from sightline_encoder.preprocess import PreparedImage

Prepare = Callable[[bytes, PixelBudget | FrameBudget], PreparedImage]
Look = Callable[[bytes, PixelBudget], ComparisonImage]
Result = TypeVar("Result")
LEFT_GRACE_S = 0.5
"""How long a file whose asker has left may go on: most end sooner than a worker starts."""
SMALL_PIXELS = 768 * 768
SMALL_BYTES = 1024 * 1024
"""What a small picture has at most, in the file and shown to the tower."""


def is_small(data: bytes, budget: PixelBudget | FrameBudget) -> bool:
    """Tells whether a file is a picture that is decoded at once and fills no pass."""
    if isinstance(budget, FrameBudget) or len(data) > SMALL_BYTES:
        return False
    pixels = declared_pixels(data)
    return pixels is not None and max(pixels, budget.shortest_edge) <= SMALL_PIXELS


class Intake:
    """Turns files into patches on `num_workers` workers, and one more for small pictures.

    `prepare` and `look` are called in an executor; threads by default, and any other
    executor for which they can be sent to it. `abandon` ends what they do with the file that
    it is given.
    """

    def __init__(
        self,
        prepare: Prepare,
        look: Look,
        num_workers: int,
        executor: Executor | None = None,
        abandon: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        self._prepare = prepare
        self._abandon = abandon
        self._look = look
        self._slots = FairSlots(num_workers)
        self._executor = executor or ThreadPoolExecutor(num_workers + SMALL_SLOTS, "intake")

    @asynccontextmanager
    async def prepared(
        self, data: bytes, budget: PixelBudget | FrameBudget
    ) -> AsyncIterator[PreparedImage]:
        """Yields a file's patches and keeps a worker's slot until the block is left.

        Patches are many times larger than a file: a block that hands them on before it
        ends bounds how many of them exist. A file whose asker leaves is abandoned soon, and
        keeps its slot until it has ended. Raises MediaError.
        """
        async with self._result(partial(self._timed, data, budget), data, budget) as image:
            yield image

    async def look(self, data: bytes, budget: PixelBudget) -> ComparisonImage:
        """Returns a file's pixels as they are compared with others'; raises MediaError."""
        async with self._result(partial(self._look, data, budget), data, budget) as image:
            pass
        return image

    @asynccontextmanager
    async def _result(
        self, work: Callable[[], Result], data: bytes, budget: PixelBudget | FrameBudget
    ) -> AsyncIterator[Result]:
        slot = await self._slots.acquire(is_small=is_small(data, budget))
        running = self._executor.submit(work)
        try:
            yield await asyncio.wrap_future(running)
        finally:
            if running.done():
                self._slots.release(slot)
            else:
                self._leave(running, data, slot)

    def _leave(self, running: Future[Result], data: bytes, slot: Slot) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(LEFT_GRACE_S, self._abandon, data)

        def end() -> None:
            timer.cancel()
            self._slots.release(slot)

        def tell(_: Future[Result]) -> None:
            with suppress(RuntimeError):  # the loop may be closed by then
                loop.call_soon_threadsafe(end)

        running.add_done_callback(tell)

    def _timed(self, data: bytes, budget: PixelBudget | FrameBudget) -> PreparedImage:
        started = time.monotonic()
        prepared = self._prepare(data, budget)
        return dataclasses.replace(prepared, prepare_s=time.monotonic() - started)

    def close(self) -> None:
        """Drops what has not begun; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
