"""Decoding and preprocessing away from the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

from sightline_encoder.comparison_image import ComparisonImage
from sightline_encoder.pixel_budget import FrameBudget, PixelBudget
from sightline_encoder.preprocess import PreparedImage

Prepare = Callable[[bytes, PixelBudget | FrameBudget], PreparedImage]
Look = Callable[[bytes, PixelBudget], ComparisonImage]


class Intake:
    """Turns files into patches on `num_workers` workers.

    `prepare` and `look` are called in an executor; threads by default, and any other
    executor for which they can be sent to it.
    """

    def __init__(
        self, prepare: Prepare, look: Look, num_workers: int, executor: Executor | None = None
    ) -> None:
        self._prepare = prepare
        self._look = look
        self._slots = asyncio.Semaphore(num_workers)
        self._executor = executor or ThreadPoolExecutor(num_workers, "intake")

    @asynccontextmanager
    async def prepared(
        self, data: bytes, budget: PixelBudget | FrameBudget
    ) -> AsyncIterator[PreparedImage]:
        """Yields a file's patches and keeps a worker's slot until the block is left.

        Patches are many times larger than a file: a block that hands them on before it
        ends bounds how many of them exist. Raises MediaError.
        """
        async with self._slots:
            yield await self._run(data, budget)

    async def look(self, data: bytes, budget: PixelBudget) -> ComparisonImage:
        """Returns a file's pixels as they are compared with others'; raises MediaError."""
        loop = asyncio.get_running_loop()
        async with self._slots:
            return await loop.run_in_executor(self._executor, self._look, data, budget)

    async def _run(self, data: bytes, budget: PixelBudget | FrameBudget) -> PreparedImage:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._timed, data, budget)

    def _timed(self, data: bytes, budget: PixelBudget | FrameBudget) -> PreparedImage:
        started = time.monotonic()
        prepared = self._prepare(data, budget)
        return dataclasses.replace(prepared, prepare_s=time.monotonic() - started)

    def close(self) -> None:
        """Drops what has not begun; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
