"""The one thing in EXIF that changes what a person sees."""

from __future__ import annotations

import struct

from PIL import Image

_ORIENTATION_TAG = 0x0112
_TURNED = range(2, 9)
_TIFF = struct.Struct("<2sHIHHHIHHI")
_SHORT = 3


def orientation_only(exif: bytes) -> bytes:
    """Returns EXIF, from its TIFF header on, that holds the orientation of another one.

    Empty for upright pictures, and for EXIF that cannot be read: it turns nothing.
    """
    orientation = _orientation(exif)
    if orientation not in _TURNED:
        return b""
    # Header, its length, one entry (tag, type, count, value, padding), no further directory.
    return _TIFF.pack(b"II", 42, 8, 1, _ORIENTATION_TAG, _SHORT, 1, orientation, 0, 0)


def _orientation(exif: bytes) -> int:
    read = Image.Exif()
    try:
        read.load(exif)
        return int(read.get(_ORIENTATION_TAG, 1))
    except Exception:  # nearly anything
        return 1
