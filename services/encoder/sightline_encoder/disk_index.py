"""What a cache folder holds: names and sizes, the least recently used first."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from sightline_encoder.entry_file import PART_SUFFIX, remove_orphan

ENTRY_SUFFIX = ".features"
_ENTRY_NAME = re.compile(rf"[0-9a-f]{{64}}{re.escape(ENTRY_SUFFIX)}")
_BLOCK_BYTES = 4096


def occupied_bytes(num_bytes: int) -> int:
    """Returns what a file of a length takes on a disk of 4 KiB blocks."""
    return -(-num_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


class DiskIndex:
    """Keeps the files of a folder inside `max_bytes`, for one writer and several readers.

    Files that have not the name of an entry are not touched and not counted. Recency
    is the files' own modification time, so that it outlives the process. All methods
    but `forget` and the properties raise OSError.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.num_evictions = 0
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._num_bytes = 0
        self._lock = Lock()

    @property
    def num_entries(self) -> int:
        return len(self._sizes)

    @property
    def num_bytes(self) -> int:
        """Sums what the entries take on the disk."""
        return self._num_bytes

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def scan(self) -> None:
        """Reads the folder anew, and removes what dead writers left half-written."""
        found = []
        with os.scandir(self.folder) as files:
            for file in files:
                if file.name.endswith(PART_SUFFIX):
                    remove_orphan(Path(file.path))
                elif _ENTRY_NAME.fullmatch(file.name):
                    found.append(_dated(file))
        with self._lock:
            self._sizes = OrderedDict((name, size) for _, name, size in sorted(filter(None, found)))
            self._num_bytes = sum(self._sizes.values())

    def make_room(self, num_bytes: int) -> None:
        """Removes the least recently used entries until a file of `num_bytes` fits."""
        while self._sizes and self._num_bytes + occupied_bytes(num_bytes) > self.max_bytes:
            with self._lock:
                oldest = next(iter(self._sizes))
            self._delete(oldest)

    def add(self, name: str, num_bytes: int) -> None:
        """Counts a file that was written."""
        self.forget(name)
        with self._lock:
            self._sizes[name] = occupied_bytes(num_bytes)
            self._num_bytes += self._sizes[name]

    def touch(self, name: str) -> None:
        """Makes an entry the most recently used one."""
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
        # A folder that may only be read still answers.
        with suppress(OSError):
            os.utime(self.folder / name)

    def forget(self, name: str) -> None:
        """Stops counting a file that is not there any more."""
        with self._lock:
            self._num_bytes -= self._sizes.pop(name, 0)

    def forget_missing(self, name: str) -> None:
        """Forgets a file unless it is there: a writer may have added it since it was missed."""
        with self._lock:
            if name in self._sizes and not (self.folder / name).exists():
                self._num_bytes -= self._sizes.pop(name)

    def remove(self, names: Iterable[str] | None = None) -> int:
        """Removes entries, all of them by default; returns how many there were."""
        with self._lock:
            wanted = self._sizes.keys() & (self._sizes if names is None else names)
        for name in wanted:
            self._delete(name)
        return len(wanted)

    def _delete(self, name: str) -> None:
        # Without the lock: readers must not wait for a slow disk.
        (self.folder / name).unlink(missing_ok=True)
        self.forget(name)
        self.num_evictions += 1

    def check_integrity(self) -> None:
        """Compares with the folder; raises AssertionError with the sum that is wrong."""
        paths = [path for path in self.folder.iterdir() if _ENTRY_NAME.fullmatch(path.name)]
        sizes = {path.name: occupied_bytes(path.stat().st_size) for path in paths}
        held = sum(sizes.values())
        assert sizes == self._sizes, f"{len(sizes)} files, {self.num_entries} counted"
        assert held == self._num_bytes, f"{held} bytes held, {self._num_bytes} counted"
        assert held <= self.max_bytes, f"{held} bytes held, {self.max_bytes} allowed"


def _dated(file: os.DirEntry[str]) -> tuple[int, str, int] | None:
    """Returns an entry's time, name and size; None if it has gone or is no file."""
    with suppress(FileNotFoundError):
        if file.is_file(follow_symlinks=False):
            status = file.stat(follow_symlinks=False)
            return status.st_mtime_ns, file.name, occupied_bytes(status.st_size)
    return None
