"""Files and tensors in pieces that fit one message."""

from __future__ import annotations

from collections.abc import Iterator

from sightline_common.channel import CHUNK_BYTES


def split_chunks(payload: memoryview, chunk_bytes: int = CHUNK_BYTES) -> Iterator[memoryview]:
    """Yields a payload in pieces of at most `chunk_bytes`, which share its memory."""
    for start in range(0, len(payload), chunk_bytes):
        yield payload[start : start + chunk_bytes]
