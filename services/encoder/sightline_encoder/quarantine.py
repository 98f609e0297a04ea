"""Files that killed workers, remembered for a while."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_FILES = 1024


class Quarantine:
    """Remembers the digests of at most 1024 files for `duration_s` seconds each.

    Safe for several threads.
    """

    def __init__(self, duration_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._duration_s = duration_s
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._until)

    def add(self, data: bytes) -> None:
        """Remembers a file, in place of the oldest one when there are too many."""
        with self._lock:
            self._until[_digest(data)] = self._clock() + self._duration_s
            while len(self._until) > _MAX_FILES:
                self._until.popitem(last=False)

    def holds(self, data: bytes) -> bool:
        """Tells whether a file is remembered; hashes it only when any is."""
        if not self._until:
            return False
        digest = _digest(data)
        with self._lock:
            self._forget_old()
            return digest in self._until

    def _forget_old(self) -> None:
        now = self._clock()
        while self._until and next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
