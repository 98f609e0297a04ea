"""Files that Pillow does not write, built byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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


ADAM7 = (
    (0, 8, 0, 8),
    (0, 8, 4, 8),
    (4, 8, 0, 4),
    (0, 4, 2, 4),
    (2, 4, 0, 2),
    (0, 2, 1, 2),
    (1, 2, 0, 1),
)
"""First row, row step, first column, column step of each pass."""


def interlaced_png(samples: npt.NDArray[np.uint8]) -> bytes:
    """Returns an interlaced RGB PNG of samples [height, width, 3]."""
    height, width, _ = samples.shape
    head = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 1)
    passes = [samples[y::dy, x::dx] for y, dy, x, dx in ADAM7]
    rows = [b"\0" + row.tobytes() for each in passes if each.size for row in each]
    body = zlib.compress(b"".join(rows))
    return SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def with_scans(progressive: bytes, num_scans: int) -> bytes:
    """Returns a progressive JPEG whose last scan is repeated until there are `num_scans`."""
    last = progressive.rindex(b"\xff\xda")
    more = num_scans - progressive.count(b"\xff\xda")
    return progressive[:-2] + progressive[last:-2] * more + progressive[-2:]


def with_xmp_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Returns a JPEG that an XMP packet says to turn."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    body = b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def without_adobe_marker(jpeg: bytes) -> bytes:
    """Returns a JPEG without its APP14 segment."""
    start = jpeg.index(b"\xff\xee")
    (length,) = struct.unpack(">H", jpeg[start + 2 : start + 4])
    return jpeg[:start] + jpeg[start + 2 + length :]


def as_ycck(jpeg: bytes) -> bytes:
    """Returns a CMYK JPEG whose marker says that its samples are YCCK."""
    transform = jpeg.index(b"Adobe") + 11
    return jpeg[:transform] + b"\x02" + jpeg[transform + 1 :]


def apng_with_other_default(still: bytes, frame: bytes) -> bytes:
    """Returns an APNG whose default picture, `still`, is not part of its one-frame animation."""
    width, height = struct.unpack(">II", still[16:24])
    control = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 10, 0, 0)
    start = frame.index(b"IDAT")
    (length,) = struct.unpack(">I", frame[start - 4 : start])
    body = struct.pack(">I", 1) + frame[start + 4 : start + 4 + length]
    animation = chunk(b"acTL", struct.pack(">II", 1, 0))
    return b"".join(
        [still[:33], animation, still[33:-12], chunk(b"fcTL", control), chunk(b"fdAT", body)]
    ) + chunk(b"IEND", b"")


def animated_webp(still: bytes, screen: tuple[int, int], at: tuple[int, int]) -> bytes:
    """Returns an animation whose only frame, a lossless WebP, lies somewhere on its screen."""
    width, height = 1 + int.from_bytes(still[21:23], "little") % 2**14, 1
    frame = _uint24(at[0] // 2) + _uint24(at[1] // 2) + _uint24(width - 1) + _uint24(height - 1)
    frame += _uint24(100) + b"\0" + still[12:]
    parts = [
        _riff(b"VP8X", b"\x12\0\0\0" + _uint24(screen[0] - 1) + _uint24(screen[1] - 1)),
        _riff(b"ANIM", bytes([0, 0, 255, 255]) + b"\0\0"),
        _riff(b"ANMF", frame),
    ]
    return _riff(b"RIFF", b"WEBP" + b"".join(parts))


def _riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _uint24(value: int) -> bytes:
    return value.to_bytes(3, "little")
