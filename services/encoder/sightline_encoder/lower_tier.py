"""A store below memory, which may fail or hang without failing anyone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sightline.type.v1 import media_pb2

from sightline_encoder.circuit_breaker import CircuitBreaker
from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.write_behind import WriteBehind

SLOTS = 8
"""Operations that one store is asked for at a time."""
TIME_LIMIT_S = 5.0
FLUSH_LIMIT_S = 3.0
Result = TypeVar("Result")


@dataclass(frozen=True)
class StoreUsage:
    """What a store holds now, as far as it knows, and what went wrong or away so far."""

    num_entries: int | None
    num_bytes: int | None
    max_bytes: int | None
    num_evictions: int
    num_corrupt: int


class FeatureStore(Protocol):
    """Keeps features by key. Methods raise whatever keeps them from it.

    What `read` returns was verified: an entry that is damaged, or another one than its
    name says, is removed and is None, as one that is not there.
    """

    @property
    def usage(self) -> StoreUsage: ...
    async def open(self) -> None: ...
    async def read(self, key: str) -> FeatureEntry | None: ...
    async def write(self, entry: FeatureEntry) -> None: ...
    async def remove(self, keys: Sequence[str] | None) -> int: ...
    async def close(self) -> None: ...


class LowerTier:
    """Guards a store: whatever it raises, and each operation over `TIME_LIMIT_S`, is a bypass.

    Reads and writes have a breaker each, since a full store can still be read.
    """

    def __init__(
        self,
        store: FeatureStore,
        source: media_pb2.FeatureSource,
        queue_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.source = source
        self.num_bypasses = 0
        name = media_pb2.FeatureSource.Name(source).removeprefix("FEATURE_SOURCE_").lower()
        self._reading = CircuitBreaker(f"{name} tier, reading,", clock)
        self._writing = CircuitBreaker(f"{name} tier, writing,", clock)
        self._slots = asyncio.Semaphore(SLOTS)
        self.queue = WriteBehind(self._write, queue_bytes)

    async def open(self) -> None:
        """Looks what is there, so that a store that cannot be used is told at start."""
        await self._guarded(self._reading, self.store.open)

    async def get(self, key: str) -> FeatureEntry | None:
        return await self._guarded(self._reading, lambda: self.store.read(key))

    async def evict(self, keys: Sequence[str] | None) -> int | None:
        """Removes entries, all of them by default; None if the store cannot be reached."""
        await self.queue.discard(keys)
        return await self._guarded(self._writing, lambda: self.store.remove(keys))

    async def close(self) -> None:
        """Writes for a bounded time what still waits."""
        await self.queue.close(FLUSH_LIMIT_S)
        await self.store.close()

    async def _write(self, entry: FeatureEntry) -> None:
        await self._guarded(self._writing, lambda: self.store.write(entry))

    async def _guarded(
        self, breaker: CircuitBreaker, operate: Callable[[], Awaitable[Result]]
    ) -> Result | None:
        try:
            # Time in the queue is not the store's.
            async with self._slots:
                with breaker.attempt():
                    async with asyncio.timeout(TIME_LIMIT_S):
                        return await operate()
        except Exception:
            self.num_bypasses += 1
            return None
