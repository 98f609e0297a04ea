import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sightline_generator.attention.base import NULL_BLOCK
from sightline_generator.engine.block_manager import BlockManager

from tests.generator.engine.sequences import make_sequence

NUM_BLOCKS, BLOCK_SIZE = 12, 4


class BlockTraffic(RuleBasedStateMachine):
    """Sequences grow and leave at random; a plain count of blocks is the model."""

    def __init__(self):
        super().__init__()
        self.blocks = BlockManager(NUM_BLOCKS, BLOCK_SIZE)
        self.lengths = {}

    def held(self):
        return sum(-(-length // BLOCK_SIZE) for length in self.lengths.values())

    @rule(length=st.integers(1, 20))
    def join(self, length):
        self.grow(make_sequence(), length)

    @precondition(lambda self: self.lengths)
    @rule(data=st.data(), more=st.integers(1, 9))
    def append(self, data, more):
        sequence = data.draw(st.sampled_from(list(self.lengths)))
        self.grow(sequence, self.lengths[sequence] + more)

    def grow(self, sequence, length):
        before = self.lengths.get(sequence, 0)
        missing = -(-length // BLOCK_SIZE) - -(-before // BLOCK_SIZE)
        fits = missing <= NUM_BLOCKS - self.held()
        assert self.blocks.can_grow(sequence, length) == fits
        if fits:
            prefix = list(sequence.block_table)
            self.blocks.grow(sequence, length)
            assert sequence.block_table[: len(prefix)] == prefix
            self.lengths[sequence] = length

    @precondition(lambda self: self.lengths)
    @rule(data=st.data())
    def leave(self, data):
        sequence = data.draw(st.sampled_from(list(self.lengths)))
        self.blocks.free(sequence)
        assert sequence.block_table == []
        del self.lengths[sequence]

    @invariant()
    def everything_is_accounted_for(self):
        self.blocks.check_integrity(self.lengths)
        assert self.blocks.num_free_blocks == NUM_BLOCKS - self.held()

    @invariant()
    def no_block_has_two_owners(self):
        held = [block for sequence in self.lengths for block in sequence.block_table]
        assert len(set(held)) == len(held)
        assert NULL_BLOCK not in held

    def teardown(self):
        for sequence in list(self.lengths):
            self.blocks.free(sequence)
        self.blocks.check_integrity([])
        assert self.blocks.num_free_blocks == NUM_BLOCKS


TestBlockTraffic = BlockTraffic.TestCase
TestBlockTraffic.settings = settings(max_examples=60, deadline=None)


def test_longest_free_block_is_reused_first():
    blocks = BlockManager(2, BLOCK_SIZE)
    first, second, third = make_sequence(), make_sequence(), make_sequence()
    blocks.grow(first, 1)
    blocks.grow(second, 1)
    expected = [*second.block_table, *first.block_table]
    blocks.free(second)
    blocks.free(first)
    blocks.grow(third, 2 * BLOCK_SIZE)
    assert third.block_table == expected


def test_integrity_check_finds_swapped_ownership():
    blocks = BlockManager(4, BLOCK_SIZE)
    one, other = make_sequence(), make_sequence()
    blocks.grow(one, 1)
    blocks.grow(other, 1)
    one.block_table[0] = other.block_table[0]
    with pytest.raises(AssertionError, match="tables hold"):
        blocks.check_integrity([one, other])
