"""Whether a PNG is whole, told by its chunks."""

from __future__ import annotations

import struct

_FIRST_CHUNK_AT = 8
_NAME_AND_LENGTH = struct.Struct(">I4s")
_BESIDE_BODY = 12


def has_end(data: bytes) -> bool:
    """Tells whether a PNG's chunks lead to its end chunk."""
    position = _FIRST_CHUNK_AT
    while position + _BESIDE_BODY <= len(data):
        length, name = _NAME_AND_LENGTH.unpack_from(data, position)
        position += _BESIDE_BODY + length
        if name == b"IEND":
            return position <= len(data)
    return False
