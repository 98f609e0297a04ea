"""Which KV blocks are free, which sequences hold which, and what is cached in them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from itertools import takewhile

from sightline_generator.attention.base import NULL_BLOCK
from sightline_generator.engine.block_hash import extend_block_hashes
from sightline_generator.engine.sequence import CachedPrefix, Sequence


class BlockManager:
    """Owns `num_blocks` blocks of `block_size` token slots.

    Block ids run from 1 to `num_blocks`; `NULL_BLOCK` is never handed out. Sequences hold
    references through their `block_table`, which only this class changes. A full block
    whose values are proven is cached under its hash and shared by whoever has the same
    prefix. A block that nobody references is free; it stays cached until it is handed
    out again. Those without a hash go first, then the longest free, and of one sequence
    the last before the first: a shared prefix outlives what follows it.
    """

    def __init__(self, num_blocks: int, block_size: int, *, caching: bool = True) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        self._caching = caching
        first = NULL_BLOCK + 1
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(first, first + num_blocks))
        self._ref_counts: Counter[int] = Counter()
        self._hashes: dict[int, bytes] = {}
        self._cached: dict[bytes, int] = {}
        self._unproven: set[int] = set()
        self._to_clear: list[int] = []
        self._num_evictions = 0

    @property
    def num_free_blocks(self) -> int:
        """Counts blocks that can be handed out, cached ones included."""
        return len(self._free)

    @property
    def num_cached_blocks(self) -> int:
        return len(self._cached)

    def num_blocks_for(self, num_tokens: int) -> int:
        """Returns the blocks that this many tokens fill, the last one perhaps partly."""
        return -(-num_tokens // self.block_size)

    def num_missing_blocks(self, sequence: Sequence, num_tokens: int) -> int:
        """Returns the blocks that a sequence lacks to hold its first `num_tokens`."""
        return max(0, self.num_blocks_for(num_tokens) - len(sequence.block_table))

    def has_room(self, sequence: Sequence) -> bool:
        """Tells whether a sequence's blocks hold all its tokens."""
        return sequence.num_tokens <= len(sequence.block_table) * self.block_size

    def can_grow(self, sequence: Sequence, num_tokens: int) -> bool:
        """Tells whether `grow` would succeed now."""
        return self.num_missing_blocks(sequence, num_tokens) <= len(self._free)

    def grow(self, sequence: Sequence, num_tokens: int) -> None:
        """Extends a sequence's block table to hold its first `num_tokens`."""
        missing = self.num_missing_blocks(sequence, num_tokens)
        assert missing <= len(self._free), "can_grow was not asked"
        for _ in range(missing):
            sequence.block_table.append(self._hand_out())

    def num_cached_tokens(self, sequence: Sequence) -> int:
        """Returns how many of the first tokens lie in cached blocks; one is always left over.

        May be asked from any thread as a hint: what is free may be handed out meanwhile.
        """
        return len(self._cached_prefix(sequence)) * self.block_size

    def num_pending_tokens(self, sequence: Sequence, running: Sequence) -> int:
        """Returns how many tokens behind the cached ones a running sequence will have cached."""
        first = self.num_cached_tokens(sequence) // self.block_size
        if not self._caching or first < running.num_cached_blocks:
            return 0
        last = (sequence.num_tokens - 1) // self.block_size
        pairs = zip(sequence.block_hashes[first:last], running.block_hashes[first:], strict=False)
        equal = takewhile(lambda pair: pair[0] == pair[1], pairs)
        return sum(1 for _pair in equal) * self.block_size

    def num_blocks_to_start(self, sequence: Sequence) -> int:
        """Returns how many free blocks `start` would take."""
        held = sum(block not in self._free for block in self._cached_prefix(sequence))
        return self.num_blocks_for(sequence.num_tokens) - held

    def start(self, sequence: Sequence) -> int:
        """Gives a sequence blocks for all its tokens; returns how many tokens were cached."""
        assert not sequence.block_table, "the sequence has blocks already"
        for block in self._cached_prefix(sequence):
            self._free.pop(block, None)
            self._ref_counts[block] += 1
            sequence.block_table.append(block)
        sequence.num_cached_blocks = len(sequence.block_table)
        self.grow(sequence, sequence.num_tokens)
        return sequence.num_cached_blocks * self.block_size

    def commit(self, sequence: Sequence) -> None:
        """Caches the full blocks of a sequence that hold proven tokens alone."""
        num_full = sequence.num_proven_tokens // self.block_size
        if not self._caching or num_full <= sequence.num_cached_blocks:
            return
        extend_block_hashes(sequence, self.block_size)
        for index in range(sequence.num_cached_blocks, num_full):
            block, content = sequence.block_table[index], sequence.block_hashes[index]
            # Who computed the same at the same time keeps its own copy, uncached.
            if self._cached.setdefault(content, block) == block:
                self._hashes[block] = content
        sequence.num_cached_blocks = num_full

    def free(self, sequence: Sequence, *, proven: bool = True) -> None:
        """Drops a sequence's references and empties its block table.

        Without `proven`, the blocks behind its proven tokens may hold values that are no
        numbers: they are cleared before they have another owner.
        """
        if not proven:
            first = sequence.num_proven_tokens // self.block_size
            self._unproven.update(sequence.block_table[first:])
        for block in reversed(sequence.block_table):
            self._release(block)
        sequence.block_table.clear()
        sequence.num_cached_blocks = 0

    def take_blocks_to_clear(self) -> list[int]:
        """Returns the unproven blocks that were handed out since the last call."""
        blocks, self._to_clear = self._to_clear, []
        return blocks

    def _cached_prefix(self, sequence: Sequence) -> list[int]:
        """Returns the cached blocks that a sequence begins with; goes on where it last ended.

        Who waits is looked at in every step; only an eviction can make what was found untrue.
        """
        if not self._caching:
            return []
        extend_block_hashes(sequence, self.block_size)
        found = sequence.cached_prefix
        if found is None or found.num_evictions != self._num_evictions:
            found = sequence.cached_prefix = CachedPrefix(self._num_evictions, [])
        # The last token is computed in any case: its logits choose the next one.
        end = min(len(sequence.block_hashes), (sequence.num_tokens - 1) // self.block_size)
        for index in range(len(found.blocks), end):
            block = self._cached.get(sequence.block_hashes[index])
            if block is None:
                break
            found.blocks.append(block)
        return found.blocks

    def _hand_out(self) -> int:
        block, _ = self._free.popitem(last=False)
        self._ref_counts[block] = 1
        content = self._hashes.pop(block, None)
        if content is not None:
            del self._cached[content]
            self._num_evictions += 1
        if block in self._unproven:
            self._unproven.remove(block)
            self._to_clear.append(block)
        return block

    def _release(self, block: int) -> None:
        self._ref_counts[block] -= 1
        if self._ref_counts[block] == 0:
            del self._ref_counts[block]
            self._free[block] = None
            self._free.move_to_end(block, last=block in self._hashes)

    def check_integrity(self, sequences: Iterable[Sequence]) -> None:
        """Recounts everything; raises AssertionError with the sum that does not match."""
        sequences = list(sequences)
        held = Counter(block for sequence in sequences for block in sequence.block_table)
        assert held == self._ref_counts, f"references {self._ref_counts} but tables hold {held}"
        assert NULL_BLOCK not in held, "a sequence holds the null block"
        assert not self._free.keys() & held.keys(), "a block is free and held"
        total = len(self._free) + len(held)
        assert total == self.num_blocks, f"{total} of {self.num_blocks} blocks are accounted for"
        assert self._unproven <= self._free.keys(), "an unproven block has an owner"
        self._check_cache(sequences, held)

    def _check_cache(self, sequences: list[Sequence], held: Counter[int]) -> None:
        inverse = {content: block for block, content in self._hashes.items()}
        assert inverse == self._cached, "hashes and cached blocks do not match"
        shared = {block for block, count in held.items() if count > 1}
        assert shared <= self._hashes.keys(), "a block without hash is shared"
        assert not self._unproven & self._hashes.keys(), "an unproven block is cached"
        for sequence in sequences:
            self._check_prefix(sequence)
            for block, content in zip(sequence.block_table, sequence.block_hashes, strict=False):
                assert self._hashes.get(block, content) == content, "a block holds other content"

    def _check_prefix(self, sequence: Sequence) -> None:
        found = sequence.cached_prefix
        if found is not None and found.num_evictions == self._num_evictions:
            cached = [self._cached.get(content) for content in sequence.block_hashes]
            assert found.blocks == cached[: len(found.blocks)], "a prefix is remembered wrongly"
