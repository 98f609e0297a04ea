"""How many scans a JPEG has, without decoding any."""

from __future__ import annotations

import re

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_FIRST_MARKER_AT = 2
_IN_SCAN = re.compile(rb"\xff[^\xff\x00\x01\xd0-\xd7]", re.DOTALL)
"""A marker with a segment: 0 follows an escaped 0xFF, TEM (1) and restarts stand alone.

Begins with one byte that is always the same, so that others are passed over many times faster;
filling bytes before it are passed over as well.
"""


def has_more_scans_than(data: bytes, bound: int) -> bool:
    """Tells whether a JPEG has more than `bound` scans; a damaged tail counts as its end.

    Each scan of a progressive picture passes over all its pixels, however few bytes it has.
    """
    position, num_scans = _FIRST_MARKER_AT, 0
    while num_scans <= bound:
        marker = _IN_SCAN.search(data, position)
        if marker is None or data[marker.end() - 1] == _END_OF_IMAGE:
            return False
        num_scans += data[marker.end() - 1] == _START_OF_SCAN
        # Skips the segment, whose bytes may look like markers.
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return True
