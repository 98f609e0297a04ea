"""Captured decoding steps: which step takes which graph, and that padding disturbs nothing.

A plain call stands for the graph: it computes again on the same memory, as a replay does.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sightline_generator.attention.base import NULL_BLOCK
from sightline_generator.attention.flash import (
    FlashAttention2,
    FlashAttention3,
    GatheredFlashAttention,
    PagedFlashAttention,
)
from sightline_generator.attention.sdpa import SdpaAttention
from sightline_generator.engine import graph_shapes
from sightline_generator.engine.batch import build_batch
from sightline_generator.engine.graph_shapes import (
    MAX_GATHERED_TOKENS,
    MAX_GRAPH_SEQS,
    GraphShape,
    gathered_shapes,
    graph_sizes,
    paged_shapes,
)
from sightline_generator.engine.model_runner import KVCache, ModelRunner
from sightline_generator.engine.scheduler import ScheduledChunk

from tests.generator import harness
from tests.generator.attention import kernels
from tests.generator.engine.recorded_graph import Recorder
from tests.generator.engine.sequences import make_sequence
from tests.generator.harness import generated, run_to_end, user

SIZE, NUM_BLOCKS, SIZES = 16, 24, [1, 2, 4, 8]
MAX_TOKENS = 64


@given(st.integers(1, 2000))
def test_sizes_reach_the_largest_batch_and_waste_little(max_num_seqs):
    sizes = graph_sizes(max_num_seqs)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == min(max_num_seqs, MAX_GRAPH_SEQS)
    for batch in range(1, sizes[-1] + 1):
        taken = next(size for size in sizes if size >= batch)
        assert taken < max(2 * batch, batch + 16)


@given(st.integers(1, 300), st.integers(1, 600), st.integers(1, 64), st.data())
def test_gathered_shapes_copy_little_more_than_a_batch_needs(most, width, block_size, data):
    shapes = gathered_shapes(graph_sizes(most), width, block_size)
    assert shapes == sorted(set(shapes))
    assert all(room.num_used_blocks * block_size <= MAX_GATHERED_TOKENS for room in shapes)
    size = data.draw(st.sampled_from(graph_sizes(most)))
    used = data.draw(st.integers(size, size * width))
    rooms = [shape.num_used_blocks for shape in shapes if shape.num_seqs == size]
    taken = next((room for room in rooms if room >= used), None)
    if taken is None:
        assert used * block_size > MAX_GATHERED_TOKENS - block_size or not rooms
    else:
        assert taken < 4 * used or taken * block_size <= size * (512 + block_size)


def test_paged_shapes_have_room_for_everything():
    assert paged_shapes([1, 4], 10) == [GraphShape(1, 10), GraphShape(4, 40)]


class Replays:
    """Stands for graphs and counts which are replayed."""

    def __init__(self):
        self.counts = []
        self.shapes = []
        self._order = []

    def __call__(self, function):
        function()
        self._order.append(function)
        number = len(self._order) - 1

        def replay():
            # The largest is captured first.
            self.counts.append(sorted(self.shapes, reverse=True)[number].num_seqs)
            function()

        return replay


class Decoding:
    """A runner with graphs and one without over caches of equal, random content."""

    def __init__(self, ours, attention=None, capture=None):
        attention = attention or SdpaAttention(SIZE, ours.dtype)
        size = attention.block_size
        self.replays = Replays()
        self.eager, self.captured = (
            ModelRunner(
                ours.model,
                KVCache(ours.family.shape, NUM_BLOCKS, size, ours.device, ours.dtype),
                attention,
            )
            for _ in range(2)
        )
        self.replays.shapes = self.captured.graph_shapes(SIZES, 4 * size)
        captured = self.captured.capture(self.replays.shapes, 4 * size, capture or self.replays)
        self.done = list(captured)
        draw = torch.Generator().manual_seed(0)
        for cache in (self.captured.cache, self.eager.cache):
            cache.keys.zero_()
            cache.values.zero_()
        owned = slice(1, NUM_BLOCKS + 1)
        for name in ("keys", "values"):
            target = getattr(self.eager.cache, name)
            target[:, owned] = torch.randn(target[:, owned].shape, generator=draw).to(ours.dtype)
            getattr(self.captured.cache, name).copy_(target)

    def both(self, chunks):
        """Computes a step by both; returns the logits."""
        return self.eager.run(chunks), self.captured.run(chunks).clone()


@pytest.fixture
def decoding(tiny_ours):
    return Decoding(tiny_ours)


def chunks_of(lengths, num_tokens=1, size=SIZE):
    """Returns decoding chunks of sequences with so many tokens, each in blocks of its own."""
    chunks, block = [], 1
    for number, length in enumerate(lengths):
        sequence = make_sequence(tokens=[(7 * number + place) % 4000 for place in range(length)])
        sequence.prompt_token_ids = sequence.prompt_token_ids[:1]
        sequence.position_ids = sequence.position_ids[:, :1]
        sequence.num_computed_tokens = length - num_tokens
        count = -(-length // size)
        sequence.block_table = list(range(block + count - 1, block - 1, -1))
        block += count
        chunks.append(ScheduledChunk(sequence, num_tokens))
    return chunks


@pytest.mark.parametrize(("count", "taken"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8)])
def test_a_batch_takes_the_smallest_graph_that_holds_it_and_computes_the_same(
    decoding, count, taken
):
    expected, actual = decoding.both(chunks_of([17, 3, 40, 16, 1, 33, 18, 2][:count]))
    assert decoding.replays.counts == [taken]
    torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0)


def test_padding_rows_write_to_the_scratch_block_alone(decoding):
    decoding.both(chunks_of([17, 3, 40, 16, 1]))
    for name in ("keys", "values"):
        captured = getattr(decoding.captured.cache, name)
        eager = getattr(decoding.eager.cache, name)
        scratch = decoding.captured.cache.scratch_block
        torch.testing.assert_close(captured[:, :scratch], eager[:, :scratch], atol=1e-12, rtol=0)
        assert not captured[:, NULL_BLOCK].any()
        assert captured[:, scratch].any()


def test_what_a_larger_step_left_behind_reaches_no_smaller_one(decoding):
    decoding.both(chunks_of([60, 50, 40, 30, 20]))
    for lengths in ([5], [18, 2], [33, 1, 7]):
        expected, actual = decoding.both(chunks_of(lengths))
        torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0)


def test_poison_in_the_scratch_block_reaches_nobody(decoding):
    cache = decoding.captured.cache
    for tensor in (cache.keys, cache.values):
        tensor[:, cache.scratch_block] = torch.nan
    expected, actual = decoding.both(chunks_of([17, 3, 40]))
    torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0)


def mixed():
    return [*chunks_of([20]), *chunks_of([40], num_tokens=3)]


def more_than_captured():
    return chunks_of([2] * 9)


def longer_than_foreseen():
    return chunks_of([MAX_TOKENS + 1])


def last_token_of_a_prompt_that_wants_no_logits():
    (chunk,) = chunks_of([20])
    chunk.sequence.token_ids += [1, 2]
    return [chunk]


@pytest.mark.parametrize(
    "chunks",
    [mixed, more_than_captured, longer_than_foreseen, last_token_of_a_prompt_that_wants_no_logits],
)
def test_every_other_step_is_computed_without_graphs(decoding, chunks):
    expected, actual = decoding.both(chunks())
    assert decoding.replays.counts == []
    torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0)


def test_step_with_features_is_computed_without_graphs(decoding):
    chunks = chunks_of([20])
    batch = build_batch(chunks, SIZE, torch.device("cpu"))
    graphs = decoding.captured._graphs
    assert graphs.suiting(batch) is not None
    batch.features.append(None)
    assert graphs.suiting(batch) is None


def test_the_largest_is_captured_first_so_that_the_others_find_its_memory(decoding):
    assert [shape.num_seqs for shape in decoding.done] == [8, 4, 2, 1]
    assert list(decoding.captured._graphs.shapes) == decoding.done[::-1]


def test_graphs_read_and_write_the_same_memory_every_time(decoding):
    first = decoding.captured.run(chunks_of([5, 9]))
    second = decoding.captured.run(chunks_of([30, 2, 8]))
    assert first.data_ptr() == second.data_ptr()


def test_engine_with_graphs_answers_as_without(tiny_ours, monkeypatch):
    def answers():
        engine = tiny_ours.engine()
        sequences = [
            tiny_ours.sequence(tiny_ours.prompt([user(text)]), max_tokens=10)
            for text in ("Hello", "你好", "What is it?", "x", "Tell me")
        ]
        for sequence in sequences:
            engine.add(sequence)
        run_to_end(engine)
        return [generated(sequence) for sequence in sequences]

    expected = answers()
    monkeypatch.setattr(harness, "GRAPH_SIZES", SIZES)
    assert answers() == expected


@pytest.fixture(scope="module")
def half(tiny_folder):
    return harness.Ours(tiny_folder, torch.bfloat16)


def flash_kernels(recorder):
    """Returns every FlashAttention implementation over its kernel's contract."""
    kernel = recorder.kernel
    dtype = torch.bfloat16
    varlen, decode = kernels.flash_attn_varlen_func, kernels.flash_attn_with_kvcache
    ragged = kernels.flash_attn_3_with_kvcache
    return {
        "flash-attn-3": lambda: FlashAttention3(16, dtype, kernel(ragged)),
        "flash-attn-2": lambda: FlashAttention2(256, dtype, kernel(varlen), kernel(decode)),
        "torch-flash-paged": lambda: PagedFlashAttention(256, dtype, kernel(kernels.varlen_attn)),
        "torch-flash": lambda: GatheredFlashAttention(16, dtype, kernel(kernels.varlen_attn)),
    }


@pytest.mark.parametrize(
    "name", ["flash-attn-3", "flash-attn-2", "torch-flash-paged", "torch-flash"]
)
def test_recorded_steps_follow_tokens_lengths_and_blocks_that_change(half, name):
    recorder = Recorder()
    attention = flash_kernels(recorder)[name]()
    assert attention.capturable
    size = attention.block_size
    decoding = Decoding(half, attention, recorder.capture)
    for lengths in ([5, size + 20, 17], [2], [3 * size + 9, 6, 1, size, 12], [41, size + 1, 6]):
        expected, actual = decoding.both(chunks_of(lengths, size=size))
        torch.testing.assert_close(actual, expected, atol=0.05, rtol=0.02)


def test_attention_that_asks_for_lengths_cannot_be_recorded(half):
    attention, recorder = SdpaAttention(16, half.dtype), Recorder()
    assert not attention.capturable
    with pytest.raises(RuntimeError, match="where that is forbidden"):
        Decoding(half, attention, recorder.capture)


def test_gathering_takes_the_graph_with_the_least_room_that_is_enough(half, monkeypatch):
    monkeypatch.setattr(graph_shapes, "FIRST_TOKENS", 16)
    recorder = Recorder()
    attention = flash_kernels(recorder)["torch-flash"]()
    decoding = Decoding(half, attention, recorder.capture)
    assert [shape.num_used_blocks for shape in decoding.replays.shapes[:4]] == [1, 4, 2, 8]
    for lengths, room in (
        ([16], 1),
        ([17], 4),
        ([5, 9], 2),
        ([16, 17], 8),
        ([17, 18, 9], 16),
        ([17, 5, 5], 16),
    ):
        chunks = chunks_of(lengths)
        batch = build_batch(chunks, SIZE, torch.device("cpu"))
        shape = decoding.captured._graphs.suiting(batch)
        assert shape.num_used_blocks == room
        expected, actual = decoding.both(chunks)
        torch.testing.assert_close(actual, expected, atol=0.05, rtol=0.02)
