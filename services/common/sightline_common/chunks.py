"""Files and tensors in pieces that fit one message."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sightline_common.channel import CHUNK_BYTES


def split_chunks(payload: memoryview, chunk_bytes: int = CHUNK_BYTES) -> Iterator[memoryview]:
    """Yields a payload in as few pieces of at most `chunk_bytes` as there can be.

    They share its memory and are of one size, but for a byte: while one is on its way, its
    receiver hashes as much of another.
    """
    num_chunks = -(-len(payload) // chunk_bytes)
    ends = [len(payload) * number // num_chunks for number in range(1, num_chunks + 1)]
    for start, end in pairwise([0, *ends]):
        yield payload[start:end]
