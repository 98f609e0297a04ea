import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_common.errors import PromptTooLongError
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits
from sightline_generator.engine.sequence import SequenceStatus

from tests.generator.engine.sequences import make_sequence

BLOCK_SIZE = 4


def make_scheduler(num_blocks=20, max_num_seqs=4, max_num_batched_tokens=16):
    limits = SchedulerLimits(max_num_seqs, max_num_batched_tokens)
    return Scheduler(limits, BlockManager(num_blocks, BLOCK_SIZE))


def compute(chunks):
    """Does to the sequences what a step does."""
    for chunk in chunks:
        completes = chunk.completes
        chunk.sequence.num_computed_tokens += chunk.num_tokens
        if completes:
            chunk.sequence.token_ids.append(0)


def step(scheduler):
    chunks = scheduler.schedule()
    scheduler.check_integrity()
    compute(chunks)
    for sequence in list(scheduler.running):
        if sequence.num_generated_tokens >= sequence.stop.max_tokens:
            scheduler.finish(sequence)
    return chunks


def scheduled(chunks):
    return [(chunk.sequence, chunk.num_tokens) for chunk in chunks]


def test_sequences_join_in_order_of_arrival():
    scheduler = make_scheduler()
    first, second = make_sequence(), make_sequence()
    scheduler.add(first)
    scheduler.add(second)
    assert scheduled(scheduler.schedule()) == [(first, 4), (second, 4)]


def test_higher_priority_joins_first():
    scheduler = make_scheduler(max_num_seqs=1)
    ordinary, urgent = make_sequence(), make_sequence(priority=1)
    scheduler.add(ordinary)
    scheduler.add(urgent)
    assert [chunk.sequence for chunk in scheduler.schedule()] == [urgent]


def test_no_more_than_max_num_seqs_run():
    scheduler = make_scheduler(max_num_seqs=2)
    for _ in range(3):
        scheduler.add(make_sequence(num_prompt_tokens=1))
    assert len(scheduler.schedule()) == 2


def test_long_prompt_is_computed_in_chunks():
    scheduler = make_scheduler(max_num_batched_tokens=10)
    sequence = make_sequence(num_prompt_tokens=25)
    scheduler.add(sequence)
    assert [step(scheduler)[0].num_tokens for _ in range(3)] == [10, 10, 5]


def test_decoding_goes_on_beside_a_long_prefill():
    scheduler = make_scheduler(max_num_batched_tokens=8)
    decoding, long = make_sequence(num_prompt_tokens=2), make_sequence(num_prompt_tokens=30)
    scheduler.add(decoding)
    step(scheduler)
    scheduler.add(long)
    step(scheduler)
    assert scheduled(step(scheduler)) == [(decoding, 1), (long, 7)]


def test_a_place_that_becomes_free_is_taken_in_the_next_step():
    scheduler = make_scheduler(max_num_seqs=1)
    first, second = make_sequence(max_tokens=1), make_sequence()
    scheduler.add(first)
    scheduler.add(second)
    step(scheduler)
    assert scheduled(step(scheduler)) == [(second, 4)]


def run_until_preemption(scheduler):
    while scheduler.has_work:
        step(scheduler)
        preempted = [sequence for sequence in scheduler.waiting if sequence.num_preemptions]
        if preempted:
            return preempted
    raise AssertionError("nothing was preempted")


def test_the_youngest_is_preempted_and_returns_to_the_front_of_waiting():
    scheduler = make_scheduler(num_blocks=5, max_num_seqs=2)
    old, young, late = (make_sequence(max_tokens=14) for _ in range(3))
    for sequence in (old, young, late):
        scheduler.add(sequence)
    assert run_until_preemption(scheduler) == [young]
    assert scheduler.waiting == [young, late]
    assert (young.status, young.block_table) == (SequenceStatus.WAITING, [])
    assert young.num_computed_tokens == 0


def test_preempted_tokens_are_kept():
    scheduler = make_scheduler(num_blocks=5, max_num_seqs=2)
    for _ in range(2):
        scheduler.add(make_sequence(max_tokens=14))
    (preempted,) = run_until_preemption(scheduler)
    assert preempted.num_generated_tokens > 0


def test_what_can_never_fit_is_refused():
    scheduler = make_scheduler(num_blocks=3)
    scheduler.add(make_sequence(num_prompt_tokens=6, max_tokens=7))
    with pytest.raises(PromptTooLongError) as caught:
        scheduler.add(make_sequence(num_prompt_tokens=6, max_tokens=8))
    assert caught.value.metadata == {"token_count": "13", "max_token_count": "12"}


def test_finish_frees_blocks_wherever_a_sequence_is():
    scheduler = make_scheduler(max_num_seqs=1)
    running, waiting = make_sequence(), make_sequence()
    scheduler.add(running)
    scheduler.add(waiting)
    scheduler.schedule()
    for sequence in (waiting, running, running):
        scheduler.finish(sequence)
    assert not scheduler.has_work
    assert scheduler.blocks.num_free_blocks == scheduler.blocks.num_blocks


traffic = st.lists(
    st.tuples(
        st.integers(0, 6), st.integers(1, 20), st.integers(1, 20), st.integers(-1, 1), st.booleans()
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    traffic=traffic,
    num_blocks=st.integers(10, 16),
    max_num_seqs=st.integers(1, 5),
    budget=st.integers(5, 30),
)
def test_every_sequence_ends_and_every_block_returns(traffic, num_blocks, max_num_seqs, budget):
    scheduler = make_scheduler(num_blocks, max_num_seqs, budget)
    arrivals = sorted(traffic, key=lambda entry: entry[0])
    sequences, cancelled = [], []
    for count in range(2000):
        while arrivals and arrivals[0][0] <= count:
            _when, prompt, answer, priority, cancels = arrivals.pop(0)
            sequences.append(make_sequence(prompt, answer, priority=priority))
            scheduler.add(sequences[-1])
            cancelled += sequences[-1:] if cancels else []
        if count % 5 == 4 and cancelled:
            scheduler.finish(cancelled.pop())
        chunks = step(scheduler)
        assert sum(chunk.num_tokens for chunk in chunks) <= budget
        assert len(scheduler.running) <= max_num_seqs
        assert bool(chunks) or not scheduler.has_work
        if not (arrivals or scheduler.has_work):
            break
    assert all(sequence.status is SequenceStatus.FINISHED for sequence in sequences)
    assert scheduler.blocks.num_free_blocks == num_blocks
