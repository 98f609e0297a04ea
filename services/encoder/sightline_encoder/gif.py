"""How many frames a GIF declares, without decoding any."""

from __future__ import annotations

_SCREEN_FLAGS_AT = 10
_FIRST_BLOCK_AT = 13
_EXTENSION, _FRAME = 0x21, 0x2C
_FRAME_FLAGS_AT, _FRAME_HEADER_BYTES = 9, 10


def has_more_frames_than(data: bytes, bound: int) -> bool:
    """Tells whether a GIF has more than `bound` frames; a damaged tail counts as its end."""
    try:
        return _exceeds(data, bound)
    except IndexError:
        return False


def _exceeds(data: bytes, bound: int) -> bool:
    position = _FIRST_BLOCK_AT + _colour_table_bytes(data[_SCREEN_FLAGS_AT])
    num_frames = 0
    while num_frames <= bound:
        introducer = data[position]
        if introducer == _EXTENSION:
            position = _after_sub_blocks(data, position + 2)
        elif introducer == _FRAME:
            num_frames += 1
            position = _after_frame(data, position)
        else:
            return False
    return True


def _after_frame(data: bytes, position: int) -> int:
    colours = _colour_table_bytes(data[position + _FRAME_FLAGS_AT])
    code_size_bytes = 1
    return _after_sub_blocks(data, position + _FRAME_HEADER_BYTES + colours + code_size_bytes)


def _colour_table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 0b111) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1
