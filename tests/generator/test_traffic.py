"""Invariant 2 over drawn traffic: company, chunks, preemption and cache change no answer."""

from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sightline_generator.engine.sequence import SamplingParams
from sightline_generator.engine.stop import StopParams

from tests.generator.harness import (
    assistant,
    features_at_hand,
    generated,
    picture,
    pictures_of,
    user,
)

pytestmark = pytest.mark.usefixtures("in_all_modes")

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

SAMPLING = {
    "random": SamplingParams(temperature=1.0, top_p=0.9, seed=3),
    "penalised": SamplingParams(repetition_penalty=1.5, frequency_penalty=0.8),
    "everything": SamplingParams(
        temperature=0.9,
        top_k=5,
        min_p=0.01,
        repetition_penalty=1.2,
        presence_penalty=0.5,
        logit_bias={7: 1.5},
        num_logprobs=2,
        seed=4,
    ),
}
STOPS = {
    "ends": lambda ours, ids: StopParams(NUM_TOKENS, token_ids=frozenset({ids[7]})),
    "ends late": lambda ours, ids: StopParams(
        NUM_TOKENS, token_ids=frozenset(ids[3:9]), min_tokens=6
    ),
    "stops": lambda ours, ids: StopParams(NUM_TOKENS, strings=(first_word(ours, ids[4:]),)),
    "short": lambda ours, ids: StopParams(1),
}
STYLES = ["greedy", *SAMPLING, *STOPS]


def first_word(ours, ids):
    """Returns the first text of tokens that stand for whole characters."""
    pieces = (ours.vocabulary.token_bytes[token].decode(errors="replace") for token in ids)
    return next(piece for piece in pieces if piece.strip() and "\ufffd" not in piece)


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

    def sequence(number, style="greedy", **fields):
        turns = CONVERSATIONS[number]
        given_features = [features(shown) for shown in pictures_of(turns)]
        fields = {"sampling": SAMPLING.get(style), **fields}
        if style in STOPS:
            fields["stop"] = STOPS[style](tiny_ours, generated(answer(number)))
        return tiny_ours.sequence(tiny_ours.prompt(turns), given_features, NUM_TOKENS, **fields)

    @cache
    def answer(number):
        return answered(tiny_ours, sequence(number))

    return sequence


def answered(ours, sequence):
    """Computes a sequence alone, in one piece, with nothing cached."""
    engine = ours.engine(caching=False)
    engine.add(sequence)
    while engine.has_work:
        engine.step()
    return sequence


@pytest.fixture(scope="module")
def alone(tiny_ours, make):
    """Returns what each conversation answers alone, in one piece, with nothing cached."""
    return cache(lambda *asked: generated(answered(tiny_ours, make(*asked))))


arrivals = st.lists(
    st.tuples(
        st.integers(0, len(CONVERSATIONS) - 1),
        st.integers(0, 12),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from([None, None, None, 1, 5]),
        st.sampled_from(STYLES),
    ),
    min_size=1,
    max_size=7,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
    for arrival, sequence in zip(arrivals, sequences, strict=True):
        number, _step, _priority, cancelled, style = arrival
        expected = alone(number, style)
        if cancelled is not None:
            expected = expected[: sequence.num_generated_tokens]
        assert generated(sequence) == expected
    blocks = engine.scheduler.blocks
    assert blocks.num_free_blocks == blocks.num_blocks


def play(engine, make, arrivals, features_arrive_late):
    """Adds and cancels sequences at their steps, and gives features to who asks for them."""
    sequences = [
        make(number, style, priority=priority) for number, _s, priority, _c, style in arrivals
    ]
    told = {sequence: [] for sequence in sequences}
    features = {sequence: features_at_hand(sequence) for sequence in sequences}
    for sequence in sequences if features_arrive_late else []:
        for span in sequence.feature_spans:
            span.features = None
    for count in range(3000):
        for sequence, (_n, step, _p, cancelled, _s) in zip(sequences, arrivals, strict=True):
            if step == count:
                engine.add(sequence)
            elif cancelled is not None and step + cancelled == count:
                engine.cancel(sequence)
        for update in engine.step():
            assert update.error is None
            told[update.sequence].append(update)
            if update.features_wanted:
                engine.provide(update.sequence, features[update.sequence])
        engine.scheduler.check_integrity()
        if count > 20 and not engine.has_work:
            for sequence, updates in told.items():
                assert_told_all(sequence, updates)
            return sequences
    raise AssertionError("not finished")


def assert_told_all(sequence, updates):
    """Every token comes once and in order; the end, unless cancelled, once and last."""
    assert [token for update in updates for token in update.token_ids] == generated(sequence)
    assert [update.ended for update in updates[:-1]] == [False] * len(updates[:-1])
    assert sum(update.started for update in updates) <= 1
    assert sequence.num_pending_tokens == 0
    wanted = sequence.sampling.num_logprobs is not None
    logprobs = [entry.token_id for update in updates for entry in update.logprobs]
    assert logprobs == (generated(sequence) if wanted else [])


SMALL_POOL = [(3, "greedy"), (4, "everything"), (5, "ends"), (8, "stops"), (10, "greedy")]
SMALL_POOL += [(3, "penalised")]


def test_traffic_of_a_small_pool_preempts_and_reuses(make, tiny_ours, alone):
    # What is drawn above would prove little if neither ever happened.
    arrivals = [(number, 0, 0, None, style) for number, style in SMALL_POOL]
    engine = tiny_ours.engine(6, 6, 64)
    sequences = play(engine, make, arrivals, features_arrive_late=False)
    assert sum(sequence.num_preemptions for sequence in sequences) > 0
    assert sum(sequence.num_reused_tokens for sequence in sequences) > 0
    assert [generated(sequence) for sequence in sequences] == [
        alone(number, style) for number, style in SMALL_POOL
    ]
