import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_common.errors import PromptTooLongError
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.prefill_pace import LEAST_LIMIT, PrefillPace
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits
from sightline_generator.engine.sequence import FeatureSpan, SequenceStatus

from tests.generator.engine.sequences import make_sequence as make_alike

BLOCK_SIZE = 4
_token_ids = itertools.count(200)


def make_sequence(num_prompt_tokens=4, max_tokens=8, **fields):
    """Returns a sequence that has nothing in common with any other."""
    return make_alike(
        tokens=[next(_token_ids)] * num_prompt_tokens, max_tokens=max_tokens, **fields
    )


def make_scheduler(num_blocks=20, max_num_seqs=4, max_num_batched_tokens=16, max_step_s=0.05):
    limits = SchedulerLimits(max_num_seqs, max_num_batched_tokens, max_step_s)
    return Scheduler(limits, BlockManager(num_blocks, BLOCK_SIZE))


def compute(chunks):
    """Does to the sequences what a step does."""
    for chunk in chunks:
        completes = chunk.completes
        chunk.sequence.num_computed_tokens += chunk.num_tokens
        if completes:
            chunk.sequence.token_ids.append(0)


def step(scheduler):
    chunks = scheduler.schedule().chunks
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
    assert scheduled(scheduler.schedule().chunks) == [(first, 4), (second, 4)]


def test_higher_priority_joins_first():
    scheduler = make_scheduler(max_num_seqs=1)
    ordinary, urgent = make_sequence(), make_sequence(priority=1)
    scheduler.add(ordinary)
    scheduler.add(urgent)
    assert [chunk.sequence for chunk in scheduler.schedule().chunks] == [urgent]


def test_no_more_than_max_num_seqs_run():
    scheduler = make_scheduler(max_num_seqs=2)
    for _ in range(3):
        scheduler.add(make_sequence(num_prompt_tokens=1))
    assert len(scheduler.schedule().chunks) == 2


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


def test_short_prompt_overtakes_a_long_one_that_still_gets_half():
    scheduler = make_scheduler(num_blocks=40, max_num_batched_tokens=20)
    long, short = make_sequence(num_prompt_tokens=90), make_sequence(num_prompt_tokens=7)
    for sequence in (long, short):
        scheduler.add(sequence)
    assert scheduled(step(scheduler)) == [(long, 13), (short, 7)]


def test_prompts_of_equal_length_are_computed_one_after_the_other():
    scheduler = make_scheduler(num_blocks=40, max_num_batched_tokens=20)
    first, second = make_sequence(num_prompt_tokens=40), make_sequence(num_prompt_tokens=40)
    for sequence in (first, second):
        scheduler.add(sequence)
    assert scheduled(step(scheduler)) == [(first, 20)]


def prove(scheduler, sequence):
    sequence.num_proven_tokens = sequence.num_computed_tokens
    scheduler.blocks.commit(sequence)


def alike(num_own_tokens, own, **fields):
    """Returns a sequence that begins with 24 tokens which others have too."""
    return make_alike(tokens=[1] * 24 + [own] * num_own_tokens, **fields)


def test_prompt_waits_for_another_that_computes_half_of_it_and_then_shares():
    scheduler = make_scheduler(num_blocks=40, max_num_batched_tokens=16)
    first, second, other = alike(8, 2), alike(4, 3), make_sequence()
    for sequence in (first, second, other):
        scheduler.add(sequence)
    assert scheduled(step(scheduler)) == [(first, 12), (other, 4)]
    prove(scheduler, first)
    assert (second in scheduler.waiting, scheduler.blocks.num_cached_tokens(second)) == (True, 12)
    step(scheduler)
    prove(scheduler, first)
    step(scheduler)
    assert second.num_reused_tokens == 24


@pytest.mark.parametrize(
    "fields", [{"num_own_tokens": 40}, {"num_own_tokens": 4, "priority": 1}], ids=["more", "urgent"]
)
def test_prompt_does_not_wait_for_less_than_half_nor_for_who_is_less_urgent(fields):
    scheduler = make_scheduler(num_blocks=60)
    scheduler.add(alike(30, 2))
    step(scheduler)
    second = alike(own=3, **fields)
    scheduler.add(second)
    scheduler.schedule()
    assert second in scheduler.running


def test_prompt_stops_waiting_when_the_other_has_gone():
    scheduler = make_scheduler(num_blocks=40)
    first, second = alike(8, 2), alike(8, 3)
    for sequence in (first, second):
        scheduler.add(sequence)
    step(scheduler)
    assert second in scheduler.waiting
    scheduler.finish(first)
    assert scheduled(step(scheduler)) == [(second, 16)]


def test_first_in_rank_gets_half_however_many_short_prompts_come():
    scheduler = make_scheduler(num_blocks=100, max_num_seqs=20, max_num_batched_tokens=20)
    long = make_sequence(num_prompt_tokens=90)
    scheduler.add(long)
    for _ in range(5):
        for _ in range(3):
            scheduler.add(make_sequence(num_prompt_tokens=15, max_tokens=1))
        before = long.num_computed_tokens
        step(scheduler)
        assert long.num_computed_tokens - before >= 10


def test_higher_priority_gets_the_other_half_first():
    scheduler = make_scheduler(num_blocks=40, max_num_batched_tokens=20)
    first, second = make_sequence(40, priority=1), make_sequence(30, priority=1)
    for sequence in (first, make_sequence(5), second):
        scheduler.add(sequence)
    assert scheduled(step(scheduler)) == [(first, 10), (second, 10)]


def test_prompts_share_what_the_pace_allows_beside_decoding():
    scheduler = make_scheduler(2000, 9, 1024, max_step_s=0.04)
    scheduler.add(make_sequence(num_prompt_tokens=2, max_tokens=400))
    step(scheduler)
    for _ in range(3):
        scheduler.add(make_sequence(num_prompt_tokens=500))
    expected = PrefillPace(0.04, 1024).limit(3, 1)
    assert sum(chunk.num_tokens for chunk in scheduler.schedule().chunks) == 1 + expected


def test_steps_become_shorter_when_they_take_too_long():
    scheduler = make_scheduler(2000, 9, 1024, max_step_s=0.03)
    for num_tokens in (2, 6000):
        scheduler.add(make_sequence(num_tokens, max_tokens=400))
        step(scheduler)
    for _ in range(5):
        schedule = scheduler.schedule()
        compute(schedule.chunks)
        prompts = schedule.chunks[schedule.num_decoding :]
        scheduler.observe(schedule, 0.5 if prompts else 0.01)
    assert [chunk.num_tokens for chunk in prompts] == [LEAST_LIMIT]


def test_whole_budget_goes_to_prompts_when_nothing_decodes_and_there_is_time():
    scheduler = make_scheduler(2000, 4, 1024, max_step_s=1.0)
    scheduler.add(make_sequence(num_prompt_tokens=3000))
    assert [step(scheduler)[0].num_tokens for _ in range(2)] == [1024, 1024]


def with_medium(features=None, **fields):
    span = FeatureSpan(2, 6, "a", features)
    return make_alike(num_prompt_tokens=12, feature_spans=[span], **fields)


def test_sequence_without_features_steps_aside_and_holds_up_nobody():
    scheduler = make_scheduler()
    lacking, other = with_medium(), make_sequence()
    for sequence in (lacking, other):
        scheduler.add(sequence)
    schedule = scheduler.schedule()
    assert schedule.without_features == [lacking]
    assert [chunk.sequence for chunk in schedule.chunks] == [other]
    assert (lacking.status, lacking.block_table) == (SequenceStatus.WITHOUT_FEATURES, [])
    assert scheduler.schedule().without_features == []
    scheduler.check_integrity()


def test_sequence_that_stepped_aside_resumes_by_its_rank():
    scheduler = make_scheduler(max_num_seqs=1)
    lacking, other = with_medium(), make_sequence()
    scheduler.add(lacking)
    scheduler.schedule()
    scheduler.add(other)
    lacking.feature_spans[0].features = FeatureRows.of(torch.zeros(6, 1))
    scheduler.resume(lacking)
    assert scheduled(scheduler.schedule().chunks) == [(lacking, 12)]


def test_sequence_that_ended_aside_does_not_come_back():
    scheduler = make_scheduler()
    lacking = with_medium()
    scheduler.add(lacking)
    scheduler.schedule()
    scheduler.finish(lacking)
    scheduler.resume(lacking)
    assert not scheduler.has_work


def test_cached_medium_needs_no_features_and_only_its_last_rows_where_its_block_is_not():
    scheduler = make_scheduler()
    first = with_medium(FeatureRows.of(torch.zeros(6, 1)))
    scheduler.add(first)
    step(scheduler)
    first.num_proven_tokens = first.num_computed_tokens
    scheduler.blocks.commit(first)
    late = with_medium()
    scheduler.add(late)
    schedule = scheduler.schedule()
    assert (schedule.started, late.num_reused_tokens) == ([late], 8)


def test_started_is_said_once_even_after_a_preemption():
    scheduler = make_scheduler(num_blocks=5, max_num_seqs=2)
    sequences = [make_sequence(max_tokens=14) for _ in range(2)]
    for sequence in sequences:
        scheduler.add(sequence)
    started = []
    while scheduler.has_work:
        schedule = scheduler.schedule()
        started += schedule.started
        compute(schedule.chunks)
        for sequence in list(scheduler.running):
            if sequence.num_generated_tokens >= sequence.stop.max_tokens:
                scheduler.finish(sequence)
    assert sum(sequence.num_preemptions for sequence in sequences) > 0
    assert started == sequences


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
