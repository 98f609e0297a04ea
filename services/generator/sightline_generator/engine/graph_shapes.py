"""Which decoding steps are worth a graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sightline_generator.attention.base import Attention

MAX_GRAPH_SEQS = 512
"""Larger batches keep the device busy without graphs."""
FIRST_TOKENS = 512
"""Tokens a sequence for which the smallest of a batch size's graphs has room."""
GROWTH = 4
MAX_GATHERED_TOKENS = 2**16
"""Where more are copied together before every layer, the copies take longer than the host."""


@dataclass(frozen=True, order=True)
class GraphShape:
    """What a captured step has room for: sequences, and the blocks that all their keys fill."""

    num_seqs: int
    num_used_blocks: int


def graph_sizes(max_num_seqs: int) -> list[int]:
    """Returns the batch sizes worth a graph: 1, 2, 4, then steps of 8, of 16 from 64 on."""
    most = min(max_num_seqs, MAX_GRAPH_SEQS)
    steps = [1, 2, 4, *range(8, 64, 8), *range(64, most, 16)]
    return [*(size for size in steps if size < most), most]


def graph_shapes(
    attention: Attention[Any], sizes: Iterable[int], max_num_tokens: int
) -> list[GraphShape]:
    """Returns which steps to capture for these batch sizes and sequences up to that length."""
    table_width = -(-max_num_tokens // attention.block_size)
    if attention.gathers:
        return gathered_shapes(sizes, table_width, attention.block_size)
    return paged_shapes(sizes, table_width)


def paged_shapes(sizes: Iterable[int], table_width: int) -> list[GraphShape]:
    """Returns one shape a batch size, for attention that reads only the blocks that are used."""
    return [GraphShape(size, size * table_width) for size in sizes]


def gathered_shapes(sizes: Iterable[int], table_width: int, block_size: int) -> list[GraphShape]:
    """Returns several shapes a batch size, for attention that copies all it has room for.

    Batch sizes whose smallest shape would copy more than `MAX_GATHERED_TOKENS` have none.
    """
    return [
        GraphShape(size, num_blocks)
        for size in sizes
        for num_blocks in _rooms(size, table_width, block_size)
    ]


def _rooms(num_seqs: int, table_width: int, block_size: int) -> Iterator[int]:
    first = num_seqs * min(table_width, -(-FIRST_TOKENS // block_size))
    most = min(num_seqs * table_width, MAX_GATHERED_TOKENS // block_size)
    room = first
    while room < most:
        yield room
        room *= GROWTH
    if first <= most:
        yield most
