"""The bytes of features while they come."""

from __future__ import annotations

import numpy as np
from sightline_common.errors import PayloadCorruptError

_ELEMENTS = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}


class ArrivingPayload:
    """Memory for so many bytes: theirs where one chunk brings all of them, else a copy of each.

    A chunk stays where it is only if nobody can write there, and its elements, of `item_bytes`
    each, begin where a processor wants them.
    """

    def __init__(self, expected: int, item_bytes: int = 1) -> None:
        self.memory = memoryview(b"")
        self.num_bytes = 0
        self._expected = expected
        self._element = _ELEMENTS[item_bytes]

    def add(self, chunk: bytes | memoryview) -> memoryview:
        """Returns where the next bytes lie; raises PayloadCorruptError when they are too many."""
        begin, end = self.num_bytes, self.num_bytes + len(chunk)
        if end > self._expected:
            raise PayloadCorruptError(f"More than {self._expected} payload bytes came.")
        if len(chunk) == self._expected and self._may_stay(chunk):
            self.memory = memoryview(chunk)
        else:
            if not begin:
                # Uninitialised: every byte of it is written, or the length is found wrong.
                self.memory = np.empty(self._expected, np.uint8).data
            self.memory[begin:end] = chunk
        self.num_bytes = end
        return self.memory[begin:end]

    @property
    def is_complete(self) -> bool:
        """Whether no bytes are missing."""
        return self.num_bytes == self._expected

    def check_complete(self) -> None:
        """Raises PayloadCorruptError while bytes are missing."""
        if not self.is_complete:
            raise PayloadCorruptError(
                f"Expected {self._expected} bytes, received {self.num_bytes}."
            )

    def _may_stay(self, chunk: bytes | memoryview) -> bool:
        first = np.frombuffer(chunk, self._element, 1)
        return first.flags.aligned and not first.flags.writeable
