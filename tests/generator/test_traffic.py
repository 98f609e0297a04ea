"""Invariant 2 over drawn traffic: company, chunks, preemption and cache change no answer."""

from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.generator.harness import (
    assistant,
    features_at_hand,
    generated,
    picture,
    pictures_of,
    user,
)

NUM_TOKENS = 18
QUESTION = "What is it, and where?"
ONE, TWO, WIDE = picture(4, 5, 1), picture(4, 5, 2), picture(2, 10, 1)
CONVERSATIONS = [
    [user("Hello")],
    [user(QUESTION)],
    [user(QUESTION), assistant("A circle."), user("And what else?")],
    [user(ONE, QUESTION)],
    [user(ONE, "Describe it in one sentence, please.")],
    [user(TWO, QUESTION)],
    [user(WIDE, QUESTION)],
    [user(QUESTION, ONE)],
    [user(ONE, TWO, QUESTION)],
    [user(ONE, WIDE, QUESTION)],
    [user(ONE, QUESTION), assistant("A circle."), user(TWO, "And here?")],
]


@pytest.fixture(scope="module")
def make(tiny_ours):
    """Returns a function that makes a fresh sequence of a conversation."""

    @cache
    def features(shown):
        tensor = torch.randn(
            tiny_ours.family.token_count(shown.grid),
            tiny_ours.family.shape.hidden_size,
            generator=torch.Generator().manual_seed(shown.seed),
            dtype=torch.float64,
        )
        return tensor

    def sequence(number, **fields):
        turns = CONVERSATIONS[number]
        given_features = [features(shown) for shown in pictures_of(turns)]
        return tiny_ours.sequence(tiny_ours.prompt(turns), given_features, NUM_TOKENS, **fields)

    return sequence


@pytest.fixture(scope="module")
def alone(tiny_ours, make):
    """Returns what each conversation answers alone, in one piece, with nothing cached."""

    def answer(number):
        engine = tiny_ours.engine(caching=False)
        sequence = make(number)
        engine.add(sequence)
        while engine.has_work:
            engine.step()
        return generated(sequence)

    return cache(answer)


arrivals = st.lists(
    st.tuples(
        st.integers(0, len(CONVERSATIONS) - 1),
        st.integers(0, 12),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from([None, None, None, 1, 5]),
    ),
    min_size=1,
    max_size=7,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    arrivals=arrivals,
    num_blocks=st.integers(6, 20),
    max_num_seqs=st.integers(1, 6),
    budget=st.sampled_from([6, 16, 33, 400]),
    without=st.booleans(),
)
def test_no_circumstance_changes_an_answer(
    tiny_ours, make, alone, arrivals, num_blocks, max_num_seqs, budget, without
):
    engine = tiny_ours.engine(num_blocks, max_num_seqs, max(budget, max_num_seqs))
    sequences = play(engine, make, arrivals, features_arrive_late=without)
    note(f"{sum(sequence.num_preemptions for sequence in sequences)} preemptions")
    for (number, _step, _priority, cancelled), sequence in zip(arrivals, sequences, strict=True):
        if cancelled is None:
            assert generated(sequence) == alone(number)
        else:
            assert generated(sequence) == alone(number)[: sequence.num_generated_tokens]
    blocks = engine.scheduler.blocks
    assert blocks.num_free_blocks == blocks.num_blocks


def play(engine, make, arrivals, features_arrive_late):
    """Adds and cancels sequences at their steps, and gives features to who asks for them."""
    sequences = [make(number, priority=priority) for number, _s, priority, _c in arrivals]
    features = {sequence: features_at_hand(sequence) for sequence in sequences}
    for sequence in sequences if features_arrive_late else []:
        for span in sequence.feature_spans:
            span.features = None
    for count in range(3000):
        for sequence, (_number, step, _priority, cancelled) in zip(
            sequences, arrivals, strict=True
        ):
            if step == count:
                engine.add(sequence)
            elif cancelled is not None and step + cancelled == count:
                engine.cancel(sequence)
        for update in engine.step():
            assert update.error is None
            if update.features_wanted:
                engine.provide(update.sequence, features[update.sequence])
        engine.scheduler.check_integrity()
        if count > 20 and not engine.has_work:
            return sequences
    raise AssertionError("not finished")


def test_traffic_of_a_small_pool_preempts_and_reuses(make, tiny_ours, alone):
    # What is drawn above would prove little if neither ever happened.
    arrivals = [(number, 0, 0, None) for number in (3, 4, 5, 8, 10, 3)]
    engine = tiny_ours.engine(8, 6, 64)
    sequences = play(engine, make, arrivals, features_arrive_late=False)
    assert sum(sequence.num_preemptions for sequence in sequences) > 0
    assert sum(sequence.num_reused_tokens for sequence in sequences) > 0
    assert [generated(sequence) for sequence in sequences] == [
        alone(number) for number, *_rest in arrivals
    ]
