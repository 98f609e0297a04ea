"""Asks the services how they are, and remembers the last ten minutes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sightline_common.errors import SightlineError

from sightline_web.generator_client import Generator
from sightline_web.operators.sample import Sample

INTERVAL_S = 5.0
NUM_SAMPLES = 121
_logger = logging.getLogger(__name__)


class Sampler:
    """Keeps a bounded ring of samples, the newest last."""

    def __init__(
        self,
        generator: Generator,
        clock: Callable[[], float] = time.monotonic,
        day_clock: Callable[[], float] = time.time,
    ) -> None:
        self._generator = generator
        self._clock = clock
        self._day_clock = day_clock
        self._samples: deque[Sample] = deque(maxlen=NUM_SAMPLES)

    @property
    def samples(self) -> list[Sample]:
        return list(self._samples)

    async def take(self) -> None:
        """Adds a sample; what cannot be asked is a gap in it."""
        try:
            load, statistics = await asyncio.gather(
                self._generator.load(), self._generator.statistics()
            )
        except SightlineError:
            self._samples.append(Sample(self._clock(), self._day_clock()))
        else:
            self._samples.append(Sample(self._clock(), self._day_clock(), load, statistics))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Takes a sample every few seconds while it is open."""
        sampling = asyncio.create_task(self._run())
        try:
            yield
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.take()
            except Exception:
                _logger.exception("sampling failed")
            await asyncio.sleep(INTERVAL_S)
