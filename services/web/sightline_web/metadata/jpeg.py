"""JPEG files without metadata, their pixels untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sightline_web.metadata.orientation import orientation_only

_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_JFIF, _EXIF, _ICC, _ADOBE = b"JFIF\0", b"Exif\0\0", b"ICC_PROFILE\0", b"Adobe"
_JFIF_BYTES, _ADOBE_BYTES = 12, 12
_NO_THUMBNAIL = b"\0\0"
_MARKER = re.compile(rb"\xff+[^\xff\x00\x01\xd0-\xd7]", re.DOTALL)
"""The next marker; 0, TEM (1) and restarts belong to the pixels between two of them."""


def without_metadata(data: bytes) -> bytes:
    """Keeps what decodes pixels, their colours and orientation, as far as the file is whole."""
    return b"\xff\xd8" + b"".join(_kept(data))


def _kept(data: bytes) -> Iterator[bytes]:
    position, in_scan = 2, False
    while marker := _MARKER.search(data, position):
        code = data[marker.end() - 1]
        if in_scan:
            yield data[position : marker.start()]
        position = marker.end()
        if code in (_START, _END):
            yield bytes((0xFF, code))
        if code == _END:
            return
        if code != _START:
            position += max(int.from_bytes(data[position : position + 2], "big"), 2)
            yield _segment(code, data[marker.end() + 2 : position])
        in_scan = code == _SCAN
    if in_scan:
        yield data[position:]


def _segment(code: int, body: bytes) -> bytes:
    if code == _COMMENT:
        return b""
    if code in _APPLICATION:
        body = _application(body)
        if not body:
            return b""
    return b"".join((bytes((0xFF, code)), (len(body) + 2).to_bytes(2, "big"), body))


def _application(body: bytes) -> bytes:
    """Returns what decoders and browsers need of an application's segment."""
    if body.startswith(_JFIF):
        return body[:_JFIF_BYTES].ljust(_JFIF_BYTES, b"\0") + _NO_THUMBNAIL
    if body.startswith(_ADOBE):
        return body[:_ADOBE_BYTES]
    if body.startswith(_EXIF):
        exif = orientation_only(body.removeprefix(_EXIF))
        return exif and _EXIF + exif
    return body if body.startswith(_ICC) else b""
