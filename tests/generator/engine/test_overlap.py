"""Steps that are scheduled before the tokens of the one before are known."""

import pytest
import torch
from sightline_common.errors import EngineFailedError
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sampled import Sampled
from sightline_generator.engine.sequence import SamplingParams, SequenceStatus
from sightline_generator.engine.stop import StopParams

from tests.generator import harness
from tests.generator.harness import generated, run_to_end, user


@pytest.fixture(autouse=True)
def overlapped(monkeypatch):
    monkeypatch.setattr(harness, "OVERLAP", True)


def make(ours, text="Hello", max_tokens=10, **fields):
    return ours.sequence(ours.prompt([user(text)]), max_tokens=max_tokens, **fields)


def answer(ours, *arguments, **fields):
    """Returns what a sequence answers when every step waits for the one before."""
    sequence = make(ours, *arguments, **fields)
    engine = ours.engine()
    engine._overlap = False
    engine.add(sequence)
    run_to_end(engine)
    return generated(sequence)


class Journal:
    """Notes when the device is asked for a step and when the host asks for tokens."""

    def __init__(self, engine, monkeypatch):
        self.entries = []
        run, tokens = engine._runner.run, Sampled.tokens

        def noted_run(chunks):
            self.entries.append(f"run {len(chunks)}")
            return run(chunks)

        def noted_tokens(sampled):
            self.entries.append("tokens")
            return tokens(sampled)

        engine._runner.run = noted_run
        monkeypatch.setattr(Sampled, "tokens", noted_tokens)


def test_the_next_step_is_asked_for_before_the_tokens_of_the_last_one(tiny_ours, monkeypatch):
    engine = tiny_ours.engine()
    journal = Journal(engine, monkeypatch)
    engine.add(make(tiny_ours, max_tokens=4))
    run_to_end(engine)
    # The fourth token is certain to be the last, so nothing is computed in vain.
    assert journal.entries == ["run 1", *["run 1", "tokens"] * 3, "tokens"]


def test_an_end_that_is_learnt_late_costs_one_row_and_no_token(tiny_ours, monkeypatch):
    ids = answer(tiny_ours)
    stop = StopParams(10, token_ids=frozenset({ids[3]}))
    engine = tiny_ours.engine()
    journal = Journal(engine, monkeypatch)
    sequence = make(tiny_ours, stop=stop)
    engine.add(sequence)
    updates = run_to_end(engine)
    place = ids.index(ids[3])
    assert journal.entries.count("run 1") == place + 2
    assert generated(sequence) == ids[: place + 1]
    assert [update.ended for update in updates].count(True) == 1
    assert engine.scheduler.blocks.num_free_blocks == engine.scheduler.blocks.num_blocks


def test_what_is_computed_beyond_the_end_is_never_shared(tiny_ours):
    # The end falls so that the row in vain would fill a block.
    size = harness.BLOCK_SIZE
    prompt = tiny_ours.prompt([user("Hello")])
    num_tokens = size - len(prompt.token_ids) % size
    ids = answer(tiny_ours, max_tokens=num_tokens + 2)
    assert ids[num_tokens - 1] not in ids[: num_tokens - 1]
    stop = StopParams(100, token_ids=frozenset({ids[num_tokens - 1]}))
    engine = tiny_ours.engine()
    engine.add(sequence := make(tiny_ours, stop=stop))
    run_to_end(engine)
    assert sequence.num_tokens % size == 0
    # The last token's KV was computed, in vain and without proof.
    assert engine.scheduler.blocks.num_cached_blocks == sequence.num_tokens // size - 1


def test_no_block_is_shared_before_its_logits_are_known_to_be_finite(tiny_ours):
    engine = tiny_ours.engine()
    sequence = make(tiny_ours, text="word " * 40)
    engine.add(sequence)
    engine.step()
    assert sequence.num_computed_tokens == sequence.num_prompt_tokens
    assert engine.scheduler.blocks.num_cached_blocks == 0
    engine.step()
    assert engine.scheduler.blocks.num_cached_blocks == sequence.num_prompt_tokens // 16


def test_preempted_sequence_keeps_the_token_that_was_on_its_way(tiny_ours):
    engine = tiny_ours.engine()
    text = "word " * 40
    sequence = make(tiny_ours, text)
    engine.add(sequence)
    engine.step()
    assert sequence.num_pending_tokens == 1
    num_tokens = sequence.num_tokens
    engine.scheduler._preempt(sequence)
    assert sequence.status is SequenceStatus.WAITING
    engine.scheduler.running.clear()
    engine.scheduler.waiting.clear()
    engine.step()
    assert (sequence.num_pending_tokens, len(sequence.token_ids)) == (0, num_tokens)
    assert engine.scheduler.blocks.num_cached_blocks == 0
    engine.scheduler._enqueue(sequence)
    run_to_end(engine)
    assert generated(sequence) == answer(tiny_ours, text)


def test_cancelled_sequence_hears_nothing_of_the_token_on_its_way(tiny_ours):
    engine = tiny_ours.engine()
    sequence, other = make(tiny_ours), make(tiny_ours, "What is it?")
    for each in (sequence, other):
        engine.add(each)
    for _ in range(3):
        engine.step()
    told = generated(sequence)
    engine.cancel(sequence)
    assert engine.has_work
    updates = run_to_end(engine)
    assert {update.sequence for update in updates} == {other}
    assert generated(sequence) == told
    assert generated(other) == answer(tiny_ours, "What is it?")


def test_tokens_that_never_come_end_those_that_await_them(tiny_ours, monkeypatch):
    engine = tiny_ours.engine()
    sequence = make(tiny_ours)
    engine.add(sequence)
    engine.step()
    tokens, failures = Sampled.tokens, iter([RuntimeError("injected")])

    def fails_once(sampled):
        for error in failures:
            raise error
        return tokens(sampled)

    monkeypatch.setattr(Sampled, "tokens", fails_once)
    (update,) = engine.step()
    assert isinstance(update.error, EngineFailedError)
    late = make(tiny_ours)
    engine.add(late)
    run_to_end(engine)
    assert generated(late) == answer(tiny_ours)


def test_everyone_fails_with_a_step_in_flight_and_the_engine_goes_on(tiny_ours):
    engine = tiny_ours.engine()
    sequences = [make(tiny_ours), make(tiny_ours, "你好")]
    for sequence in sequences:
        engine.add(sequence)
    engine.step()
    assert len(engine.fail_all(RuntimeError("injected"))) == 2
    assert not engine.has_work
    late = make(tiny_ours)
    engine.add(late)
    run_to_end(engine)
    assert generated(late) == answer(tiny_ours)


def test_poison_is_learnt_one_step_late_and_still_reaches_nobody(tiny_ours):
    engine = tiny_ours.engine(num_blocks=12)
    poisoned, neighbour = make(tiny_ours), make(tiny_ours, "What is it?", max_tokens=30)
    run = engine._runner.run

    def poisons(chunks):
        cache = engine._runner.cache
        if any(chunk.sequence is poisoned for chunk in chunks) and poisoned.num_generated_tokens:
            cache.keys[:, poisoned.block_table[-1]] = torch.nan
        return run(chunks)

    engine._runner.run = poisons
    for sequence in (poisoned, neighbour):
        engine.add(sequence)
    updates = {poisoned: SequenceUpdate(poisoned), neighbour: SequenceUpdate(neighbour)}
    for update in run_to_end(engine):
        updates[update.sequence].extend(update)
    assert isinstance(updates[poisoned].error, EngineFailedError)
    assert updates[neighbour].token_ids == answer(tiny_ours, "What is it?", max_tokens=30)


def test_penalties_count_the_token_that_the_host_does_not_know_yet(tiny_ours):
    params = SamplingParams(frequency_penalty=100.0)
    ids = answer(tiny_ours, max_tokens=40, sampling=params)
    assert len(set(ids)) == len(ids)
