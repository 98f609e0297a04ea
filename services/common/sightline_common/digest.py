"""Content digests in the form "sha256:" and 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def sha256_digest(data: bytes | bytearray | memoryview) -> str:
    """Returns the digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def combined_digest(parts: Iterable[str]) -> str:
    """Returns a digest of several strings that no other split of them shares."""
    state = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        state.update(len(encoded).to_bytes(8, "little"))
        state.update(encoded)
    return "sha256:" + state.hexdigest()


def is_digest(text: str) -> bool:
    """Tells whether text has the form of a digest."""
    return _PATTERN.fullmatch(text) is not None
