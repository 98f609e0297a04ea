"""Files and tensors in pieces that fit one message."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

from sightline_common.channel import CHUNK_BYTES

WHOLE_BYTES = 16
"""What no cut divides, so that a tensor's elements stay whole."""


def split_chunks(payload: memoryview, chunk_bytes: int = CHUNK_BYTES) -> Iterator[memoryview]:
    """Yields a payload in as few pieces of at most `chunk_bytes` as there can be.

    They share its memory and are of about one size: while one is on its way, its receiver
    checks as much of another.
    """
    for start, end in chunk_bounds(len(payload), chunk_bytes):
        yield payload[start:end]


def chunk_bounds(num_bytes: int, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, int]]:
    """Yields begin and end of each piece that `split_chunks` makes of so many bytes."""
    num_chunks = max(1, -(-num_bytes // chunk_bytes))
    whole = math.gcd(chunk_bytes, WHOLE_BYTES)
    step = max(1, -(-num_bytes // (num_chunks * whole)) * whole)
    return pairwise([*range(0, num_bytes, step), num_bytes])


def recut(
    chunks: Iterable[bytes | memoryview], bounds: Iterable[tuple[int, int]]
) -> Iterator[bytes]:
    """Yields the bytes of chunks, which are all there are, cut anew; each is copied once."""
    coming, rest = iter(chunks), memoryview(b"")
    for begin, end in bounds:
        parts, lacking = [], end - begin
        while lacking:
            rest = rest or memoryview(next(coming))
            parts.append(rest[:lacking])
            rest, lacking = rest[lacking:], lacking - len(parts[-1])
        yield b"".join(parts)
