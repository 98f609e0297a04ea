"""What kind of video a file is, and whether it is whole, told from its outermost structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from sightline_common.errors import MediaFormatError, MediaUnreadableError

VIDEO_MIME_TYPES = MappingProxyType(
    {
        "MP4": "video/mp4",
        "MOV": "video/quicktime",
        "WebM": "video/webm",
        "Matroska": "video/x-matroska",
    }
)
_BRANDS = re.compile(
    rb"isom|iso[2-9a-c]|mp4[12]|mp71|mmp4|avc1|hvc1|hev1|av01|M4V[ HP]|qt  |dash|msdh|msix"
    rb"|MSNV|XAVC|f4v |cmf[c2]|3g[p2][0-9a-z]"
)
"""First brands of films; the picture formats of this container have others."""
_MAX_BOXES = 65536
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def video_demuxer(data: bytes) -> str:
    """Returns the FFmpeg demuxer of an accepted file, "mov" or "matroska".

    Files whose outermost structure goes on behind their end were cut off. Raises
    MediaFormatError or MediaUnreadableError.
    """
    if data[4:8] == b"ftyp" and _BRANDS.fullmatch(data, 8, 12):
        _check_boxes(data)
        return "mov"
    if data.startswith(_EBML):
        _check_segment(data)
        return "matroska"
    raise MediaFormatError("The file is not an MP4, MOV, WebM or Matroska video; convert it.")


def unreadable(what: str = "is damaged or cut off") -> MediaUnreadableError:
    """Returns the error of a video that cannot be decoded."""
    return MediaUnreadableError(f"The video {what}; send a complete one.")


def _check_boxes(data: bytes) -> None:
    names = {name for name, _end in _boxes(data)}
    if b"moov" not in names:
        raise unreadable()


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yields name and end of every outermost box."""
    start = 0
    for _ in range(_MAX_BOXES):
        if start == len(data):
            return
        name, end = data[start + 4 : start + 8], _box_end(data, start)
        if len(name) < 4 or not start < end <= len(data):
            raise unreadable()
        yield name, end
        start = end
    raise unreadable("has more parts than any real one")


def _box_end(data: bytes, start: int) -> int:
    size = int.from_bytes(data[start : start + 4], "big")
    if size == 0:
        return len(data)
    if size == 1:
        size = int.from_bytes(data[start + 8 : start + 16], "big")
    return start + size


def _check_segment(data: bytes) -> None:
    """Checks a Matroska file's two outermost elements; a live recording's has no length."""
    header_end = _element_end(data, len(_EBML))
    if header_end is None or data[header_end : header_end + 4] != _SEGMENT:
        raise unreadable()
    segment_end = _element_end(data, header_end + len(_SEGMENT))
    if segment_end is not None and segment_end > len(data):
        raise unreadable()


def _element_end(data: bytes, start: int) -> int | None:
    """Returns where an element ends whose size is at `start`; None when that is not said."""
    if start >= len(data) or data[start] == 0:
        raise unreadable()
    length = 9 - data[start].bit_length()
    mask = (1 << 7 * length) - 1
    size = int.from_bytes(data[start : start + length], "big") & mask
    return None if size == mask else start + length + size
