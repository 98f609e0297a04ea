"""WebP files without metadata, their pixels untouched."""

from __future__ import annotations

from collections.abc import Iterator

from sightline_web.metadata.orientation import orientation_only

_FIRST_CHUNK_AT = 12
_FRAME_HEADER_BYTES = 16
_KEPT = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ICCP"))
_HAS_EXIF, _HAS_XMP = 0x08, 0x04


def without_metadata(data: bytes) -> bytes:
    """Keeps what decodes pixels, their colours and orientation, as far as the file is whole."""
    end = 8 + int.from_bytes(data[4:8], "little")
    chunks = [(name, _body(name, body)) for name, body in _chunks(data[:end], _FIRST_CHUNK_AT)]
    has_exif = any(name == b"EXIF" and body for name, body in chunks)
    file = b"WEBP" + b"".join(
        _chunk(name, _told(body, has_exif) if name == b"VP8X" else body)
        for name, body in chunks
        if body
    )
    return b"RIFF" + len(file).to_bytes(4, "little") + file


def _chunks(data: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    """Yields names and bodies; the body of one that is cut off is shorter than it says."""
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)


def _body(name: bytes, body: bytes) -> bytes:
    """Returns what stays of a chunk; empty when nothing does."""
    if name == b"ANMF":
        frame = _chunks(body, _FRAME_HEADER_BYTES)
        kept = (_chunk(name, body) for name, body in frame if name in _KEPT)
        return body[:_FRAME_HEADER_BYTES] + b"".join(kept)
    if name == b"EXIF":
        return orientation_only(body)
    return body if name in _KEPT or name == b"VP8X" else b""


def _told(features: bytes, has_exif: bool) -> bytes:
    """Returns the chunk that tells which others there are."""
    flags = features[0] & ~(_HAS_EXIF | _HAS_XMP) | (_HAS_EXIF if has_exif else 0)
    return bytes((flags,)) + features[1:]
