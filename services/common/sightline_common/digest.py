"""Content digests in the form "sha256:" and 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


class Digest:
    """A running digest."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Takes the next bytes."""
        self._state.update(data)

    def text(self) -> str:
        """Returns the digest of all bytes so far."""
        return "sha256:" + self._state.hexdigest()


def sha256_digest(data: bytes | bytearray | memoryview) -> str:
    """Returns the digest of bytes."""
    digest = Digest()
    digest.update(data)
    return digest.text()


def combined_digest(parts: Iterable[str]) -> str:
    """Returns a digest of several strings that no other split of them shares."""
    encoded = [part.encode() for part in parts]
    return sha256_digest(b"".join(len(each).to_bytes(8, "little") + each for each in encoded))


def is_digest(text: str) -> bool:
    """Tells whether text has the form of a digest."""
    return _PATTERN.fullmatch(text) is not None
