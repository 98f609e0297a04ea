"""PNG files without metadata, their pixels untouched."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sightline_web.metadata.orientation import orientation_only

_MAGIC_BYTES = 8
_BESIDE_BODY = 12
_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs"
    b" acTL fcTL fdAT".split()
)
"""Pixels, their colours and sizes, and an animation's frames."""


def without_metadata(data: bytes) -> bytes:
    """Keeps what decodes pixels, their colours and orientation, up to the end chunk."""
    return data[:_MAGIC_BYTES] + b"".join(_kept(data))


def _kept(data: bytes) -> Iterator[bytes]:
    position, name = _MAGIC_BYTES, b""
    while position < len(data) and name != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        body_at, position = position + 8, position + _BESIDE_BODY + length
        if name in _KEPT:
            yield data[body_at - 8 : position]
        elif name == b"eXIf":
            yield _exif(orientation_only(data[body_at : body_at + length]))


def _exif(body: bytes) -> bytes:
    if not body:
        return b""
    named = b"eXIf" + body
    return len(body).to_bytes(4, "big") + named + zlib.crc32(named).to_bytes(4, "big")
