"""Which KV blocks are free and which sequence holds which."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from sightline_generator.attention.base import NULL_BLOCK
from sightline_generator.engine.sequence import Sequence


class BlockManager:
    """Owns `num_blocks` blocks of `block_size` token slots.

    Block ids run from 1 to `num_blocks`; `NULL_BLOCK` is never handed out. A block is
    free when nobody references it, and free blocks are reused longest-free first.
    Sequences hold references through their `block_table`, which only this class changes.
    """

    def __init__(self, num_blocks: int, block_size: int) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        first = NULL_BLOCK + 1
        self._free: deque[int] = deque(range(first, first + num_blocks))
        self._ref_counts: Counter[int] = Counter()

    @property
    def num_free_blocks(self) -> int:
        return len(self._free)

    def num_blocks_for(self, num_tokens: int) -> int:
        """Returns the blocks that this many tokens fill, the last one perhaps partly."""
        return -(-num_tokens // self.block_size)

    def num_missing_blocks(self, sequence: Sequence, num_tokens: int) -> int:
        """Returns the blocks that a sequence lacks to hold its first `num_tokens`."""
        return max(0, self.num_blocks_for(num_tokens) - len(sequence.block_table))

    def can_grow(self, sequence: Sequence, num_tokens: int) -> bool:
        """Tells whether `grow` would succeed now."""
        return self.num_missing_blocks(sequence, num_tokens) <= len(self._free)

    def grow(self, sequence: Sequence, num_tokens: int) -> None:
        """Extends a sequence's block table to hold its first `num_tokens`."""
        missing = self.num_missing_blocks(sequence, num_tokens)
        assert missing <= len(self._free), "can_grow was not asked"
        for _ in range(missing):
            block = self._free.popleft()
            self._ref_counts[block] = 1
            sequence.block_table.append(block)

    def free(self, sequence: Sequence) -> None:
        """Drops a sequence's references and empties its block table."""
        # The last blocks go first: a shared prefix outlives what follows it.
        for block in reversed(sequence.block_table):
            self._release(block)
        sequence.block_table.clear()

    def _release(self, block: int) -> None:
        self._ref_counts[block] -= 1
        if self._ref_counts[block] == 0:
            del self._ref_counts[block]
            self._free.append(block)

    def check_integrity(self, sequences: Iterable[Sequence]) -> None:
        """Recounts everything; raises AssertionError with the sum that does not match."""
        held = Counter(block for sequence in sequences for block in sequence.block_table)
        assert held == self._ref_counts, f"references {self._ref_counts} but tables hold {held}"
        assert NULL_BLOCK not in held, "a sequence holds the null block"
        free = set(self._free)
        assert len(free) == len(self._free), "a block is free twice"
        assert not free & held.keys(), f"blocks {free & held.keys()} are free and held"
        total = len(free) + len(held)
        assert total == self.num_blocks, f"{total} of {self.num_blocks} blocks are accounted for"
