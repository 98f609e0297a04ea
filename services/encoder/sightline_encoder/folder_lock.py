"""A folder that several processes write, one at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_NAME = ".lock"
WAIT_LIMIT_S = 2.0
_PAUSE_S = 0.005
_STAMP_BYTES = 16


class FolderLock:
    """Excludes other writers, and tells whether one has been there since.

    The lock's file names who held it last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = secrets.token_bytes(_STAMP_BYTES)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Yields whether anyone else has held the lock since this object did.

        Makes the folder, readable by its owner alone, if it is not there. Raises
        OSError, which is BlockingIOError when another holds the lock for long: it may
        have been stopped, and must not stop this process as well.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
            is_foreign = os.pread(descriptor, _STAMP_BYTES, 0) != self._stamp
            if is_foreign:
                os.pwrite(descriptor, self._stamp, 0)
            yield is_foreign
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + WAIT_LIMIT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)
