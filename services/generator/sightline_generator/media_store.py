"""Files that clients stored for later requests."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sightline_common.errors import MediaTooLargeError, QueueFullError

_Key = tuple[str, str]


@dataclass(frozen=True)
class StoredFile:
    """Holds a file until a moment of the store's clock, in seconds."""

    data: bytes
    expires: float


class MediaStore:
    """Keeps at most `max_bytes` of files by digest, the least recently used leaving first.

    A file that nobody used for `ttl_s` seconds is gone. Tenants do not find each other's: who
    knows a digest need not have the file.
    """

    def __init__(
        self, max_bytes: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self.ttl_s = ttl_s
        self._clock = clock
        self._files: OrderedDict[_Key, StoredFile] = OrderedDict()
        self._num_bytes = 0
        self._num_reserved = 0

    @property
    def num_bytes(self) -> int:
        return self._num_bytes

    @contextmanager
    def reserved(self, num_bytes: int) -> Iterator[None]:
        """Bounds what uploads hold together while they run.

        Raises MediaTooLargeError, or QueueFullError when only others are in the way.
        """
        if num_bytes > self._max_bytes:
            raise MediaTooLargeError(
                f"The file has {num_bytes} bytes; the server stores at most {self._max_bytes}.",
                metadata={"byte_count": str(num_bytes), "max_byte_count": str(self._max_bytes)},
            )
        if self._num_reserved + num_bytes > self._max_bytes:
            raise QueueFullError("Too many uploads at once; try again.", retry_after_s=1.0)
        self._num_reserved += num_bytes
        try:
            yield
        finally:
            self._num_reserved -= num_bytes

    def put(self, digest: str, data: bytes, salt: str = "") -> None:
        """Stores a tenant's file that `reserved` admitted, or renews it."""
        key = (salt, digest)
        self._remove(key)
        self._expire()
        while self._num_bytes + len(data) > self._max_bytes:
            self._remove(next(iter(self._files)))
        self._files[key] = StoredFile(data, self._clock() + self.ttl_s)
        self._num_bytes += len(data)

    def get(self, digest: str, salt: str = "") -> bytes | None:
        """Returns a tenant's file and renews its time; None if it is not here."""
        self._expire()
        key = (salt, digest)
        file = self._files.get(key)
        if file is None:
            return None
        self._files[key] = StoredFile(file.data, self._clock() + self.ttl_s)
        self._files.move_to_end(key)
        return file.data

    def _expire(self) -> None:
        # Every use moves a file to the end with a later expiry: the first expires first.
        while self._files and next(iter(self._files.values())).expires <= self._clock():
            self._remove(next(iter(self._files)))

    def _remove(self, key: _Key) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            self._num_bytes -= len(file.data)
