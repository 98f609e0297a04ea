import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sightline_generator.attention.base import NULL_BLOCK
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.sequence import FeatureSpan

from tests.generator.engine.sequences import make_sequence

NUM_BLOCKS, BLOCK_SIZE = 12, 4
NAN = "not a number"


class BlockTraffic(RuleBasedStateMachine):
    """Sequences start, compute, and leave at random over few different tokens and media.

    The model is the memory itself: what each slot's key and value depend on.
    """

    def __init__(self):
        super().__init__()
        self.blocks = BlockManager(NUM_BLOCKS, BLOCK_SIZE)
        self.sequences = []
        self.waiting = []
        self.memory = {}
        self.cached = {}

    @rule(
        tokens=st.lists(st.integers(0, 1), min_size=1, max_size=18),
        media=st.sampled_from(["", "a", "b"]),
        offset=st.integers(0, 5),
        salt=st.sampled_from(["", "", "other"]),
        waits=st.booleans(),
    )
    def start(self, tokens, media, offset, salt, waits):
        spans = [FeatureSpan(offset, 5, media)] if media and offset + 5 <= len(tokens) else []
        sequence = make_sequence(tokens=tokens, feature_spans=spans, salt=salt)
        expected = self.expected_prefix(sequence)
        held = sum(self.is_held(block) for block in expected)
        needed = -(-len(tokens) // BLOCK_SIZE) - held
        assert self.blocks.num_blocks_to_start(sequence) == needed
        assert self.blocks.num_cached_tokens(sequence) == len(expected) * BLOCK_SIZE
        if waits or needed > self.blocks.num_free_blocks:
            self.waiting.append(sequence)
            return
        assert self.blocks.start(sequence) == len(expected) * BLOCK_SIZE
        assert sequence.block_table[: len(expected)] == expected
        sequence.num_computed_tokens = sequence.num_proven_tokens = len(expected) * BLOCK_SIZE
        self.sequences.append(sequence)
        self.handed_out(sequence.block_table[len(expected) :])
        for index in range(sequence.num_computed_tokens):
            assert self.slot(sequence, index) == identity(sequence, index)

    @invariant()
    def who_waits_is_told_what_is_cached_now(self):
        for sequence in self.waiting:
            expected = len(self.expected_prefix(sequence)) * BLOCK_SIZE
            assert self.blocks.num_cached_tokens(sequence) == expected

    def expected_prefix(self, sequence):
        blocks = []
        for end in range(BLOCK_SIZE, sequence.num_tokens, BLOCK_SIZE):
            block = self.cached.get(identity(sequence, end - 1))
            if block is None:
                break
            blocks.append(block)
        return blocks

    def is_held(self, block):
        return any(block in sequence.block_table for sequence in self.sequences)

    def handed_out(self, blocks):
        self.cached = {key: block for key, block in self.cached.items() if block not in blocks}
        for block in self.blocks.take_blocks_to_clear():
            assert block in blocks
            self.memory[block] = {}
        for block in blocks:
            assert NAN not in self.memory.get(block, {}).values()

    def slot(self, sequence, index):
        return self.memory[sequence.block_table[index // BLOCK_SIZE]][index % BLOCK_SIZE]

    def write(self, sequence, end, value=None):
        for index in range(sequence.num_computed_tokens, end):
            block = self.memory.setdefault(sequence.block_table[index // BLOCK_SIZE], {})
            block[index % BLOCK_SIZE] = value or identity(sequence, index)
        sequence.num_computed_tokens = end

    @precondition(lambda self: self.sequences)
    @rule(data=st.data())
    def compute(self, data):
        sequence = data.draw(st.sampled_from(self.sequences))
        left = sequence.num_uncomputed_tokens
        self.write(sequence, sequence.num_computed_tokens + data.draw(st.integers(1, left)))
        if sequence.num_uncomputed_tokens == 0:
            self.prove(sequence)
            self.append(sequence, data.draw(st.integers(0, 1)))

    def prove(self, sequence):
        sequence.num_proven_tokens = sequence.num_computed_tokens
        # A copy that somebody else had cached stays uncached, even if theirs is gone by now.
        committed = sequence.num_cached_blocks
        self.blocks.commit(sequence)
        for index in range(committed, sequence.num_computed_tokens // BLOCK_SIZE):
            key = identity(sequence, (index + 1) * BLOCK_SIZE - 1)
            self.cached.setdefault(key, sequence.block_table[index])

    def append(self, sequence, token):
        sequence.token_ids.append(token)
        if self.blocks.can_grow(sequence, sequence.num_tokens):
            before = len(sequence.block_table)
            self.blocks.grow(sequence, sequence.num_tokens)
            self.handed_out(sequence.block_table[before:])
        else:
            self.leave(sequence, proven=True)

    @precondition(lambda self: self.sequences)
    @rule(data=st.data())
    def preempt_or_finish(self, data):
        sequence = data.draw(st.sampled_from(self.sequences))
        self.leave(sequence, proven=sequence.proven)

    @precondition(lambda self: self.sequences)
    @rule(data=st.data())
    def fail(self, data):
        sequence = data.draw(st.sampled_from(self.sequences))
        self.write(sequence, sequence.num_tokens, NAN)
        self.leave(sequence, proven=False)

    def leave(self, sequence, proven):
        self.blocks.free(sequence, proven=proven)
        assert sequence.block_table == []
        self.sequences.remove(sequence)

    @invariant()
    def everything_is_accounted_for(self):
        self.blocks.check_integrity(self.sequences)
        held = {block for sequence in self.sequences for block in sequence.block_table}
        assert self.blocks.num_free_blocks == NUM_BLOCKS - len(held)
        assert self.blocks.num_cached_blocks == len(self.cached)
        assert NULL_BLOCK not in held

    @invariant()
    def every_sequence_sees_its_own_values(self):
        for sequence in self.sequences:
            for index in range(sequence.num_computed_tokens):
                assert self.slot(sequence, index) == identity(sequence, index)

    def teardown(self):
        for sequence in list(self.sequences):
            self.leave(sequence, proven=True)
        self.blocks.check_integrity([])
        assert self.blocks.num_free_blocks == NUM_BLOCKS


def identity(sequence, index):
    """Names everything that the key and value at a position depend on."""
    media = tuple(
        (span.content, span.offset) for span in sequence.feature_spans if span.offset <= index
    )
    return (sequence.adapter, sequence.salt, media, tuple(sequence.token_ids[: index + 1]))


TestBlockTraffic = BlockTraffic.TestCase
TestBlockTraffic.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def computed(blocks, **fields):
    """Returns a sequence that ran to the end of its prompt."""
    sequence = make_sequence(**fields)
    blocks.start(sequence)
    sequence.num_computed_tokens = sequence.num_proven_tokens = sequence.num_tokens
    blocks.commit(sequence)
    return sequence


def test_blocks_without_content_are_handed_out_before_cached_ones():
    blocks = BlockManager(4, BLOCK_SIZE)
    cached = computed(blocks, tokens=[1] * 8)
    other = make_sequence(tokens=[2])
    blocks.start(other)
    empty = list(other.block_table)
    blocks.free(cached)
    blocks.free(other)
    late = make_sequence(tokens=[3] * 8)
    blocks.start(late)
    assert late.block_table[0] == empty[0]
    assert blocks.num_cached_blocks == 2


def test_longest_free_content_is_evicted_first_and_the_end_of_a_chain_before_its_beginning():
    blocks = BlockManager(4, BLOCK_SIZE)
    old, young = computed(blocks, tokens=[1] * 8), computed(blocks, tokens=[2] * 8)
    order = [*reversed(old.block_table), *reversed(young.block_table)]
    blocks.free(old)
    blocks.free(young)
    late = make_sequence(tokens=[3] * 16)
    blocks.start(late)
    assert late.block_table == order


def test_use_renews_a_block():
    blocks = BlockManager(4, BLOCK_SIZE)
    for sequence in [computed(blocks, tokens=[token] * 8) for token in (1, 2)]:
        blocks.free(sequence)
    again = make_sequence(tokens=[1] * 9)
    blocks.start(again)
    blocks.free(again)
    blocks.start(make_sequence(tokens=[3] * 8))
    assert blocks.num_cached_tokens(make_sequence(tokens=[1] * 9)) == 8
    assert blocks.num_cached_tokens(make_sequence(tokens=[2] * 9)) == 0


def test_who_waits_sees_blocks_come_and_go():
    blocks = BlockManager(4, BLOCK_SIZE)
    waiting = make_sequence(tokens=[1] * 13)
    assert blocks.num_cached_tokens(waiting) == 0
    first = computed(blocks, tokens=[1] * 8)
    assert blocks.num_cached_tokens(waiting) == 8
    blocks.free(first)
    longer = computed(blocks, tokens=[1] * 12)
    assert blocks.num_cached_tokens(waiting) == 12
    blocks.free(longer)
    computed(blocks, tokens=[2] * 16)
    assert blocks.num_cached_tokens(waiting) == 0


def test_last_token_of_a_cached_prompt_is_computed():
    blocks = BlockManager(8, BLOCK_SIZE)
    computed(blocks, tokens=[1] * 8)
    assert blocks.num_cached_tokens(make_sequence(tokens=[1] * 8)) == 4
    assert blocks.num_cached_tokens(make_sequence(tokens=[1] * 9)) == 8


def test_partly_filled_block_is_not_shared():
    blocks = BlockManager(8, BLOCK_SIZE)
    computed(blocks, tokens=[1] * 7)
    assert blocks.num_cached_tokens(make_sequence(tokens=[1] * 9)) == 4


def test_generated_tokens_are_cached_as_well():
    blocks = BlockManager(8, BLOCK_SIZE)
    sequence = computed(blocks, tokens=[1] * 3)
    sequence.token_ids += [5, 6]
    blocks.grow(sequence, 5)
    sequence.num_computed_tokens = sequence.num_proven_tokens = 4
    blocks.commit(sequence)
    assert blocks.num_cached_tokens(make_sequence(tokens=[1, 1, 1, 5, 9])) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": "other"},
        {"adapter": "other"},
        {"feature_spans": [FeatureSpan(1, 2, "b")]},
        {"feature_spans": [FeatureSpan(1, 3, "a")]},
        {"feature_spans": [FeatureSpan(0, 2, "a")]},
        {"feature_spans": []},
        {"tokens": [1, 1, 1, 2, 1]},
    ],
    ids=["salt", "adapter", "content", "length", "place", "none", "token"],
)
def test_whatever_changes_the_values_is_part_of_the_hash(changes):
    fields = {"tokens": [1] * 5, "feature_spans": [FeatureSpan(1, 2, "a")]}
    blocks = BlockManager(8, BLOCK_SIZE)
    computed(blocks, **fields)
    assert blocks.num_cached_tokens(make_sequence(**fields)) == 4
    assert blocks.num_cached_tokens(make_sequence(**{**fields, **changes})) == 0


def test_medium_behind_a_block_does_not_concern_it():
    blocks = BlockManager(8, BLOCK_SIZE)
    computed(blocks, tokens=[1] * 9, feature_spans=[FeatureSpan(4, 2, "a")])
    other = make_sequence(tokens=[1] * 9, feature_spans=[FeatureSpan(4, 2, "b")])
    assert blocks.num_cached_tokens(other) == 4


def test_without_caching_nothing_is_shared():
    blocks = BlockManager(8, BLOCK_SIZE, caching=False)
    computed(blocks, tokens=[1] * 9)
    assert blocks.num_cached_tokens(make_sequence(tokens=[1] * 9)) == 0
    assert blocks.num_cached_blocks == 0


def test_integrity_check_finds_swapped_ownership():
    blocks = BlockManager(4, BLOCK_SIZE)
    one, other = make_sequence(), make_sequence()
    blocks.grow(one, 1)
    blocks.grow(other, 1)
    one.block_table[0] = other.block_table[0]
    with pytest.raises(AssertionError, match="tables hold"):
        blocks.check_integrity([one, other])


def test_integrity_check_finds_content_that_is_not_the_sequences():
    blocks = BlockManager(4, BLOCK_SIZE)
    one, other = computed(blocks, tokens=[1] * 4), computed(blocks, tokens=[2] * 4)
    one.block_table, other.block_table = other.block_table, one.block_table
    with pytest.raises(AssertionError, match="other content"):
        blocks.check_integrity([one, other])
