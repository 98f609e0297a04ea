"""Features in a folder that outlives the process."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sightline_common.errors import PayloadCorruptError
from sightline_common.telemetry import log

from sightline_encoder.disk_index import ENTRY_SUFFIX, DiskIndex, occupied_bytes
from sightline_encoder.entry_file import read_entry, write_entry
from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.feature_record import pack_head
from sightline_encoder.folder_lock import FolderLock
from sightline_encoder.lower_tier import SLOTS, StoreUsage

_logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class DiskStore:
    """Keeps at most `max_bytes` of files; a FeatureStore.

    Files are touched on threads of its own, so that a slow disk holds up nothing else.
    Processes may share a folder: they write in turns, and read at any time. An entry
    that fails its verification is removed and is a miss.
    """

    def __init__(self, folder: Path, max_bytes: int, fingerprint: str) -> None:
        self.index = DiskIndex(folder, max_bytes)
        self._fingerprint = fingerprint
        self._num_corrupt = 0
        self._lock = FolderLock(folder)
        # One more than readers, so that a write never waits for them.
        self._threads = ThreadPoolExecutor(SLOTS + 1, "disk")

    @property
    def usage(self) -> StoreUsage:
        return StoreUsage(
            num_entries=self.index.num_entries,
            num_bytes=self.index.num_bytes,
            max_bytes=self.index.max_bytes,
            num_evictions=self.index.num_evictions,
            num_corrupt=self._num_corrupt,
        )

    async def open(self) -> None:
        await self._run(self._scan)

    async def read(self, key: str) -> FeatureEntry | None:
        return await self._run(lambda: self._read(key))

    async def write(self, entry: FeatureEntry) -> None:
        await self._run(lambda: self._write(entry))

    async def remove(self, keys: Sequence[str] | None) -> int:
        return await self._run(lambda: self._remove(keys))

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def path(self, key: str) -> Path:
        """Returns where a key's file is; a key is never a part of a path."""
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.index.folder / f"{name}{ENTRY_SUFFIX}"

    def _scan(self) -> None:
        with self._lock.held():
            self.index.scan()

    def _read(self, key: str) -> FeatureEntry | None:
        path = self.path(key)
        try:
            entry = read_entry(path, key, self._fingerprint)
        except FileNotFoundError:
            self.index.forget_missing(path.name)
            return None
        except PayloadCorruptError as error:
            self._discard(path, error)
            return None
        self.index.touch(path.name)
        return entry

    def _discard(self, path: Path, error: PayloadCorruptError) -> None:
        self._num_corrupt += 1
        log(_logger, "damaged entry removed", logging.WARNING, path=path, error=error.message)
        path.unlink(missing_ok=True)
        self.index.forget_missing(path.name)

    def _write(self, entry: FeatureEntry) -> None:
        path, head = self.path(entry.key), pack_head(entry, self._fingerprint)
        num_bytes = len(head) + entry.num_bytes
        if occupied_bytes(num_bytes) > self.index.max_bytes:
            return
        with self._lock.held() as is_foreign:
            if is_foreign:
                self.index.scan()
            if path.name not in self.index:
                self.index.make_room(num_bytes)
                write_entry(path, head, entry.payload)
                self.index.add(path.name, num_bytes)

    def _remove(self, keys: Sequence[str] | None) -> int:
        names = None if keys is None else [self.path(key).name for key in keys]
        with self._lock.held():
            self.index.scan()
            return self.index.remove(names)
