"""Files that Pillow does not write, built byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def png(
    width: int,
    height: int,
    depth: int,
    colour: int,
    rows: Sequence[bytes],
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Returns a PNG of raw rows, with extra chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    middle = b"".join(chunk(name, content) for name, content in extra)
    return SIGNATURE + chunk(b"IHDR", head) + middle + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def png_declaring(width: int, height: int) -> bytes:
    """Returns a tiny PNG whose header declares any size."""
    return png(width, height, 8, RGB, [b""])


def gif(num_frames: int) -> bytes:
    """Returns a 1 x 1 GIF of many equal frames."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    screen = struct.pack("<HHBBB", 1, 1, 0x80, 0, 0)
    palette = b"\x00\x00\xff" + b"\xff\xff\xff"
    return b"GIF89a" + screen + palette + frame * num_frames + b"\x3b"
