import pytest
import torch
from sightline_common.errors import EngineFailedError, PromptTooLongError
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.sequence import FeatureSpan, SamplingParams
from sightline_generator.engine.stop import Finish, FinishReason, StopParams

from tests.clock import Clock
from tests.generator.harness import generated, run_to_end, user

pytestmark = pytest.mark.usefixtures("in_all_modes")

PROMPTS = ["Hello", "你好", "What is it?", "Tell me more about it."]


def sequences_of(ours, **fields):
    return [ours.sequence(ours.prompt([user(text)]), max_tokens=10, **fields) for text in PROMPTS]


@pytest.fixture(scope="module")
def undisturbed(tiny_ours):
    engine = tiny_ours.engine()
    sequences = sequences_of(tiny_ours)
    for sequence in sequences:
        engine.add(sequence)
    run_to_end(engine)
    return [generated(sequence) for sequence in sequences]


def outcome(engine, sequences):
    """Runs to the end; returns each sequence's merged update."""
    merged = {sequence: SequenceUpdate(sequence) for sequence in sequences}
    for update in run_to_end(engine):
        merged[update.sequence].extend(update)
    assert engine.scheduler.blocks.num_free_blocks == engine.scheduler.blocks.num_blocks
    return [merged[sequence] for sequence in sequences]


def assert_only_fails(engine, sequences, failing, undisturbed):
    for sequence in sequences:
        engine.add(sequence)
    updates = outcome(engine, sequences)
    for number, (update, expected) in enumerate(zip(updates, undisturbed, strict=True)):
        if number == failing:
            assert isinstance(update.error, EngineFailedError)
        else:
            assert (update.error, update.token_ids) == (None, expected)


def test_updates_carry_every_token_once_and_one_finish(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    sequences = sequences_of(tiny_ours)
    for sequence in sequences:
        engine.add(sequence)
    updates = run_to_end(engine)
    for sequence, expected in zip(sequences, undisturbed, strict=True):
        own = [update for update in updates if update.sequence is sequence and update.token_ids]
        assert [token for update in own for token in update.token_ids] == expected
        assert [update.ended for update in own] == [False] * 9 + [True]
        assert own[-1].finish == Finish(FinishReason.LENGTH)


def test_poisoned_logits_end_their_sequence_alone(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    sequences = sequences_of(tiny_ours)
    run = engine._runner.run

    def poisoned(chunks):
        logits = run(chunks).clone()
        for row, chunk in zip(logits, chunks, strict=True):
            if chunk.sequence is sequences[1] and chunk.sequence.num_generated_tokens == 3:
                row[5] = torch.nan
        return logits

    engine._runner.run = poisoned
    assert_only_fails(engine, sequences, 1, undisturbed)


def test_poisoned_features_do_not_outlive_their_sequence(tiny_ours, undisturbed):
    # Few blocks, so that the neighbours' later tokens land where the poison was.
    engine = tiny_ours.engine(num_blocks=12)
    poison = tiny_ours.sequence(tiny_ours.prompt([user("x" * 40)]), max_tokens=10)
    nan = torch.full((4, 64), torch.nan, dtype=torch.float64)
    poison.feature_spans.append(FeatureSpan(2, 4, "nan", FeatureRows.of(nan)))
    engine.add(poison)
    (update,) = outcome(engine, [poison])
    assert isinstance(update.error, EngineFailedError)
    assert not engine._runner.cache.keys.isfinite().all()
    sequences = sequences_of(tiny_ours)
    for sequence in sequences:
        engine.add(sequence)
    assert [update.token_ids for update in outcome(engine, sequences)] == undisturbed


def with_features(ours, features, number=0):
    """Returns a sequence of which six tokens are a medium's, those from 18 on."""
    sequence = ours.sequence(ours.prompt([user(PROMPTS[number] + " x" * 30)]), max_tokens=10)
    sequence.feature_spans.append(FeatureSpan(18, 6, "key", FeatureRows.of(features)))
    return sequence


def nan_features():
    return torch.full((6, 64), torch.nan, dtype=torch.float64)


def test_poisoned_values_are_never_shared(tiny_ours):
    engine = tiny_ours.engine()
    poison, same = [with_features(tiny_ours, nan_features()) for _ in range(2)]
    engine.add(poison)
    run_to_end(engine)
    assert engine.scheduler.blocks.num_cached_tokens(same) == 0


def test_poison_that_was_cancelled_does_not_reach_the_next_owner(tiny_ours, undisturbed):
    engine = tiny_ours.engine(num_blocks=12, max_num_batched_tokens=32)
    poison = with_features(tiny_ours, nan_features())
    engine.add(poison)
    engine.step()
    assert 0 < poison.num_computed_tokens < poison.num_tokens
    engine.cancel(poison)
    sequences = sequences_of(tiny_ours)
    for sequence in sequences:
        engine.add(sequence)
    assert [update.token_ids for update in outcome(engine, sequences)] == undisturbed


def test_failure_leaves_shared_blocks_alone(tiny_ours):
    sound = torch.ones(6, 64, dtype=torch.float64)
    calm = tiny_ours.engine()
    expected = with_features(tiny_ours, sound)
    calm.add(expected)
    run_to_end(calm)
    engine = tiny_ours.engine()
    engine._sampler = GuiltySampler()
    first, guilty, last = [with_features(tiny_ours, sound.clone()) for _ in range(3)]
    engine.add(first)
    while not first.num_cached_blocks:
        engine.step()
    engine._sampler.guilty = guilty
    for sequence in (guilty, last):
        engine.add(sequence)
    updates = outcome(engine, [first, guilty, last])
    assert guilty.num_reused_tokens == last.num_reused_tokens > 24
    assert isinstance(updates[1].error, EngineFailedError)
    assert generated(first) == generated(last) == generated(expected)


def test_features_are_let_go_once_their_values_are_computed(tiny_ours):
    engine = tiny_ours.engine(max_num_batched_tokens=20)
    sequence = with_features(tiny_ours, torch.ones(6, 64, dtype=torch.float64))
    engine.add(sequence)
    engine.step()
    assert sequence.feature_spans[0].features is not None
    engine.step()
    assert sequence.feature_spans[0].features is None


def test_log_of_a_failure_names_the_request(tiny_ours, caplog):
    engine = tiny_ours.engine()
    sequence = with_features(tiny_ours, nan_features())
    sequence.request_id = "the-request"
    engine.add(sequence)
    run_to_end(engine)
    (record,) = caplog.records
    assert record.fields["request_id"] == "the-request"


def pieces_of_a_prompt(ours, token_s):
    """Returns the pieces beside an answer on a machine that takes so long for a prompt token."""
    engine, clock, pieces = ours.engine(), Clock(), []
    run, engine._clock = engine._runner.run, clock
    long = ours.sequence(ours.prompt([user("x " * 200)]), max_tokens=1)
    writing = ours.sequence(ours.prompt([user("Hello")]), max_tokens=200)

    def timed(chunks):
        pieces.extend(chunk.num_tokens for chunk in chunks if chunk.sequence is long)
        clock.now += 0.01 + token_s * sum(chunk.num_tokens - 1 for chunk in chunks)
        return run(chunks)

    engine._runner.run = timed
    engine.add(writing)
    for _ in range(4):
        engine.step()
    engine.add(long)
    while long.num_generated_tokens == 0:
        engine.step()
    return pieces


def test_pieces_of_a_prompt_follow_the_time_that_steps_take(tiny_ours):
    fast, slow = [pieces_of_a_prompt(tiny_ours, token_s) for token_s in (0.0001, 0.02)]
    assert max(fast) > 2 * max(slow)
    assert slow[3] < slow[0]


class GuiltySampler(Sampler):
    """Fails on every batch that holds one sequence."""

    guilty = None

    def sample(self, logits, sequences):
        if self.guilty in sequences:
            raise RuntimeError("injected")
        return super().sample(logits, sequences)


def test_exception_in_sampling_ends_its_sequence_alone(tiny_ours):
    params = SamplingParams(temperature=1.0, seed=5)
    calm = tiny_ours.engine()
    expected = sequences_of(tiny_ours, sampling=params)
    for sequence in expected:
        calm.add(sequence)
    run_to_end(calm)
    engine = tiny_ours.engine()
    engine._sampler = GuiltySampler()
    sequences = sequences_of(tiny_ours, sampling=params)
    engine._sampler.guilty = sequences[2]
    assert_only_fails(engine, sequences, 2, list(map(generated, expected)))


def test_exception_while_reading_ends_its_sequence_alone(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    sequences = sequences_of(tiny_ours)
    sequences[0].stop_checker._reader = None
    assert_only_fails(engine, sequences, 0, undisturbed)


def test_failed_forward_ends_its_guilty_sequence_alone(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    run, sequences = engine._runner.run, sequences_of(tiny_ours)

    def fails(chunks):
        if any(chunk.sequence is sequences[1] for chunk in chunks):
            raise RuntimeError("injected")
        return run(chunks)

    engine._runner.run = fails
    assert_only_fails(engine, sequences, 1, undisturbed)


def test_forward_that_fails_halfway_leaves_no_trace(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    run, failures = engine._runner.run, iter([RuntimeError("injected")] * 2)

    def fails_at_first(chunks):
        logits = run(chunks)
        if len(chunks) > 1:
            for error in failures:
                raise error
        return logits

    engine._runner.run = fails_at_first
    sequences = sequences_of(tiny_ours)
    for sequence in sequences:
        engine.add(sequence)
    updates = outcome(engine, sequences)
    assert [(update.error, update.token_ids) for update in updates] == [
        (None, expected) for expected in undisturbed
    ]


def long_sequence(ours, num_words=200, max_tokens=3, **fields):
    return ours.sequence(ours.prompt([user("x " * num_words)]), max_tokens=max_tokens, **fields)


def test_equal_prompts_that_arrive_together_are_computed_once(tiny_ours):
    calm = tiny_ours.engine()
    calm.add(alone := long_sequence(tiny_ours))
    run_to_end(calm)
    engine = tiny_ours.engine(max_num_batched_tokens=64)
    run, sizes = engine._runner.run, []

    def counted(chunks):
        sizes.extend(chunk.num_tokens for chunk in chunks)
        return run(chunks)

    engine._runner.run = counted
    sequences = [long_sequence(tiny_ours) for _ in range(6)]
    for sequence in sequences:
        engine.add(sequence)
    outcome(engine, sequences)
    assert sum(sizes) < alone.num_prompt_tokens + 6 * 16 + 6 * 3
    assert [generated(sequence) for sequence in sequences] == [generated(alone)] * 6


def test_progress_of_a_prompt_that_is_given_up_serves_the_next_try(tiny_ours):
    engine = tiny_ours.engine(max_num_batched_tokens=40)
    first, again = long_sequence(tiny_ours), long_sequence(tiny_ours)
    engine.add(first)
    for _ in range(4):
        engine.step()
    assert 80 <= first.num_computed_tokens < first.num_prompt_tokens
    engine.cancel(first)
    engine.add(again)
    run_to_end(engine)
    assert again.num_reused_tokens >= 80
    calm = tiny_ours.engine()
    calm.add(alone := long_sequence(tiny_ours))
    run_to_end(calm)
    assert generated(again) == generated(alone)


@pytest.mark.parametrize("place", [18, 70, 150])
def test_poisoned_pieces_are_never_shared(tiny_ours, place):
    engine = tiny_ours.engine(max_num_batched_tokens=40)
    poison, same = [long_sequence(tiny_ours) for _ in range(2)]
    for sequence in (poison, same):
        sequence.feature_spans.append(FeatureSpan(place, 6, "key", FeatureRows.of(nan_features())))
    engine.add(poison)
    while poison.num_computed_tokens < 200 and engine.has_work:
        engine.step()
        assert engine.scheduler.blocks.num_cached_tokens(same) <= place
    assert engine.scheduler.blocks.num_cached_tokens(same) >= place - place % 40 - 16
    run_to_end(engine)
    assert engine.scheduler.blocks.num_cached_tokens(same) <= place


def test_no_memory_to_prove_a_piece_costs_its_sharing_and_nobody_an_answer(tiny_ours, monkeypatch):
    calm = tiny_ours.engine()
    calm.add(alone := long_sequence(tiny_ours))
    run_to_end(calm)
    engine = tiny_ours.engine(max_num_batched_tokens=40)

    def no_memory(_blocks):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(engine._runner.cache, "are_finite", no_memory)
    engine.add(sequence := long_sequence(tiny_ours))
    engine.step()
    assert engine.scheduler.blocks.num_cached_blocks == 0
    run_to_end(engine)
    assert generated(sequence) == generated(alone)
    assert engine.scheduler.blocks.num_cached_blocks > 0


def test_cancelled_sequence_frees_its_blocks_and_says_nothing_more(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    sequences = sequences_of(tiny_ours)
    for sequence in sequences:
        engine.add(sequence)
    engine.step()
    held = len(sequences[0].block_table)
    free = engine.scheduler.blocks.num_free_blocks
    engine.cancel(sequences[0])
    assert engine.scheduler.blocks.num_free_blocks == free + held
    engine.cancel(sequences[0])
    updates = outcome(engine, sequences)
    assert updates[0].token_ids == []
    assert generated(sequences[1]) == undisturbed[1]


def test_end_token_stops_and_stop_string_cuts(tiny_ours, undisturbed):
    engine = tiny_ours.engine()
    fourth = undisturbed[0][3]
    place = undisturbed[0].index(fourth)
    sequence = tiny_ours.sequence(
        tiny_ours.prompt([user(PROMPTS[0])]), stop=StopParams(10, token_ids=frozenset({fourth}))
    )
    engine.add(sequence)
    (update,) = outcome(engine, [sequence])
    assert update.finish == Finish(FinishReason.STOP)
    assert update.token_ids == undisturbed[0][: place + 1]


def test_too_long_is_refused_and_leaves_nothing(tiny_ours):
    engine = tiny_ours.engine(num_blocks=2)
    with pytest.raises(PromptTooLongError):
        engine.add(tiny_ours.sequence(tiny_ours.prompt([user("x " * 60)])))
    assert not engine.has_work


def test_times_are_stamped_in_order(tiny_ours):
    engine = tiny_ours.engine()
    ticks = iter(range(1000))
    engine._clock = lambda: float(next(ticks))
    (sequence, *_rest) = sequences_of(tiny_ours)
    engine.add(sequence)
    run_to_end(engine)
    times = sequence.times
    assert times.admitted < times.first_token < times.last_token
