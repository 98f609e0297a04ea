"""Whether a PNG is whole, told by its chunks."""

from __future__ import annotations

_FIRST_CHUNK_AT = 8
_BESIDE_BODY = 12


def has_end(data: bytes) -> bool:
    """Tells whether a PNG's chunks lead to its end chunk."""
    position = _FIRST_CHUNK_AT
    while position + _BESIDE_BODY <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        position += _BESIDE_BODY + length
        if name == b"IEND":
            return position <= len(data)
    return False
