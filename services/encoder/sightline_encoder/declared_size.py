"""How many pixels a picture's file declares, read from its first bytes without a decoder."""

from __future__ import annotations

import struct

_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_MAX_SEGMENTS = 1024


def declared_pixels(data: bytes) -> int | None:
    """Returns width times height; None where they do not lie where they should.

    Good enough to choose a queue, not to be believed: the decoder checks again.
    """
    try:
        return _pixels(data)
    except (struct.error, IndexError):
        return None


def _pixels(data: bytes) -> int | None:
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
        return _product(">II", data, 16)
    if data[:4] == b"GIF8":
        return _product("<HH", data, 6)
    if data[:2] == b"\xff\xd8":
        return _jpeg_pixels(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_pixels(data)
    return None


def _product(layout: str, data: bytes, offset: int) -> int:
    width, height = struct.unpack_from(layout, data, offset)
    return int(width * height)


def _jpeg_pixels(data: bytes) -> int | None:
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker in _SOF_MARKERS:
            return _product(">HH", data, position + 5)
        if marker == 0xFF or marker in _BARE_MARKERS:
            position += 1 if marker == 0xFF else 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _webp_pixels(data: bytes) -> int | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return int((width & 0x3FFF) * (height & 0x3FFF))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return int(((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1))
    if kind == b"VP8X" and len(data) >= 30:
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width * height
    return None
