"""How the service stops: it says so first, and lets API requests that it accepted finish."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

DRAIN_PAUSE_S = 0.05
LAST_WORDS_S = 1.0
"""For the errors that requests are ended with, and for pages that only watch."""


class Draining:
    """Whether the service is stopping, and the API requests that run meanwhile."""

    def __init__(self) -> None:
        self.has_begun = False
        self.is_over = False
        self._running: set[asyncio.Task[object]] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts the current task as a request while it is open."""
        task = asyncio.current_task()
        assert task is not None, "requests run in tasks"
        self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)

    async def drain(self, seconds: float) -> None:
        """Waits until no request runs; ends those that are left when the time is over."""
        await self._idle(seconds)
        self.is_over = True
        for task in self._running:
            task.cancel()
        await self._idle(LAST_WORDS_S)

    async def _idle(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._running and loop.time() < deadline:
            await asyncio.sleep(DRAIN_PAUSE_S)


class DrainingServer(uvicorn.Server):
    """Drains at the first signal and stops at once at the second."""

    def __init__(self, config: uvicorn.Config, draining: Draining, drain_s: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_s = drain_s
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining.has_begun:
            return super().handle_exit(sig, frame)
        self._draining.has_begun = True
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        await self._draining.drain(self._drain_s)
        self.should_exit = True
