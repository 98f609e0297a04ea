"""Writes that no answer waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from sightline_common.telemetry import log

from sightline_encoder.feature_cache import FeatureEntry

_logger = logging.getLogger(__name__)


class WriteBehind:
    """Hands entries to `write` one after the other, in a task of its own.

    Entries that wait hold at most `max_bytes` of payload; what comes on top is dropped
    and counted, since it can be computed again. For one event loop.
    """

    def __init__(self, write: Callable[[FeatureEntry], Awaitable[None]], max_bytes: int) -> None:
        self.num_dropped = 0
        self._write = write
        self._max_bytes = max_bytes
        self._waiting: dict[str, FeatureEntry] = {}
        self._num_bytes = 0
        self._filled, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._turn = asyncio.Lock()
        self._task = asyncio.create_task(self._run(), name="write behind")

    @property
    def num_bytes(self) -> int:
        """Sums the payload that waits or is being written."""
        return self._num_bytes

    def add(self, entry: FeatureEntry) -> None:
        """Queues an entry, unless its key waits already or the queue is full."""
        if entry.key in self._waiting:
            return
        if self._num_bytes + entry.num_bytes > self._max_bytes:
            self.num_dropped += 1
            return
        self._waiting[entry.key] = entry
        self._num_bytes += entry.num_bytes
        self._filled.set()
        self._idle.clear()

    async def discard(self, keys: Collection[str] | None = None) -> None:
        """Forgets what waits, all of it by default; returns when no such write is running."""
        async with self._turn:
            for key in list(self._waiting if keys is None else keys):
                self._forget(key)

    async def flush(self) -> None:
        """Returns when nothing waits."""
        await self._idle.wait()

    async def close(self, limit_s: float) -> None:
        """Writes what waits for at most `limit_s` seconds; drops and counts the rest."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.flush(), limit_s)
        self._task.cancel()
        await asyncio.wait([self._task])
        self.num_dropped += len(self._waiting)
        if self._waiting:
            log(_logger, "entries not written", logging.WARNING, entries=len(self._waiting))

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            async with self._turn:
                if self._waiting:
                    await self._write_first()

    async def _write_first(self) -> None:
        key, entry = next(iter(self._waiting.items()))
        await self._write(entry)
        self._forget(key)

    def _forget(self, key: str) -> None:
        entry = self._waiting.pop(key, None)
        if entry is not None:
            self._num_bytes -= entry.num_bytes
        if not self._waiting:
            self._filled.clear()
            self._idle.set()
