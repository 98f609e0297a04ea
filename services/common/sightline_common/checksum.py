"""Checksums of tensors on their way, in the form "xxh3:" and 32 hexadecimal digits."""

from __future__ import annotations

import xxhash


class Checksum:
    """A running XXH3-128: it tells damage as a digest does, but not forgery.

    It takes a twelfth of SHA-256's time: what guards a way should cost less than the way.
    """

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()

    def update(self, data: bytes | memoryview) -> None:
        """Takes the next bytes."""
        self._state.update(data)

    def text(self) -> str:
        """Returns the checksum of all bytes so far."""
        return "xxh3:" + self._state.hexdigest()
