"""GIF files without metadata, their pixels untouched."""

from __future__ import annotations

from collections.abc import Iterator

_FIRST_BLOCK_AT, _SCREEN_FLAGS_AT = 13, 10
_EXTENSION, _FRAME, _END = b"!", b",", b";"
_CONTROL, _APPLICATION = 0xF9, 0xFF
_FRAME_HEADER_BYTES, _FRAME_FLAGS_AT = 10, 9
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def without_metadata(data: bytes) -> bytes:
    """Keeps frames, their times and how often they repeat, as far as the file is whole."""
    start = _FIRST_BLOCK_AT + _palette_bytes(data[_SCREEN_FLAGS_AT : _SCREEN_FLAGS_AT + 1])
    return data[:start] + b"".join(_kept(data, start))


def _kept(data: bytes, position: int) -> Iterator[bytes]:
    while position < len(data):
        kind = data[position : position + 1]
        if kind == _END:
            yield kind
            return
        end = _end(data, position, kind)
        block = data[position:end]
        if kind == _FRAME or (kind == _EXTENSION and _is_needed(block)):
            yield block
        position = end


def _end(data: bytes, position: int, kind: bytes) -> int:
    """Returns where a block ends; decoders step over bytes that begin none."""
    if kind == _EXTENSION:
        return _after_pieces(data, position + 2)
    if kind == _FRAME:
        flags = data[position + _FRAME_FLAGS_AT : position + _FRAME_HEADER_BYTES]
        code_size_at = position + _FRAME_HEADER_BYTES + _palette_bytes(flags)
        return _after_pieces(data, code_size_at + 1)
    return position + 1


def _is_needed(extension: bytes) -> bool:
    label, name = extension[1:2], extension[3:14]
    return label == bytes((_CONTROL,)) or (label == bytes((_APPLICATION,)) and name in _LOOPS)


def _palette_bytes(flags: bytes) -> int:
    has_palette = flags and flags[0] & 0x80
    return 3 << (flags[0] & 7) + 1 if has_palette else 0


def _after_pieces(data: bytes, position: int) -> int:
    while position < len(data) and data[position]:
        position += data[position] + 1
    return position + 1
