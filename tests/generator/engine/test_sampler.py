import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_generator.engine import sampler as engine_sampler
from sightline_generator.engine.drawing import draw_ranked_from_all
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.sequence import SamplingParams
from sightline_generator.engine.stop import StopParams

from tests.generator.engine.recorded_graph import Refusing
from tests.generator.engine.sequences import make_sequence

VOCABULARY = 16
PROMPT = [1, 1, 2]


def make(prompt=PROMPT, answer=(), stop=None, **sampling):
    sequence = make_sequence(
        num_prompt_tokens=len(prompt),
        sampling=SamplingParams(**sampling),
        stop=stop or StopParams(10_000),
    )
    sequence.prompt_token_ids[:] = prompt
    sequence.token_ids[:] = [*prompt, *answer]
    return sequence


def logits_of(seed=0, rows=1):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(rows, VOCABULARY, generator=generator)


def sample_one(logits, sequence):
    (token,) = sample(logits, [sequence])
    return token


def sample(logits, sequences, sampler=None):
    return (sampler or Sampler()).sample(logits, sequences).tokens()


def reference_distribution(logits, prompt, answer, params):
    """Returns token probabilities, written out plainly from the definitions."""
    scores = dict(enumerate(logits.tolist()))
    for token in set(prompt) | set(answer):
        penalty = params.repetition_penalty
        scores[token] *= 1 / penalty if scores[token] > 0 else penalty
    for token, count in Counter(answer).items():
        scores[token] -= params.frequency_penalty * count + params.presence_penalty
    for token, bias in params.logit_bias.items():
        scores[token] += bias
    weights = {token: math.exp(score / params.temperature) for token, score in scores.items()}
    ranked = sorted(weights, key=weights.get, reverse=True)
    ranked = ranked[: params.top_k or None]
    total = sum(weights[token] for token in ranked)
    kept, mass = [], 0.0
    for token in ranked:
        share = weights[token] / total
        if kept and (mass >= params.top_p or share < params.min_p * weights[ranked[0]] / total):
            break
        kept.append(token)
        mass += share
    total = sum(weights[token] for token in kept)
    return {token: weights[token] / total for token in kept}


def largest_deviation(num_draws, share):
    """Bernstein's bound: what a count deviates by less often than once in ten million times."""
    log_odds, variance = math.log(2e7), num_draws * share * (1 - share)
    return log_odds / 3 + math.sqrt(log_odds**2 / 9 + 2 * log_odds * variance)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000),
    temperature=st.floats(0.3, 2.0),
    top_p=st.sampled_from([0.3, 0.8, 1.0]),
    top_k=st.sampled_from([0, 1, 5]),
    min_p=st.sampled_from([0.0, 0.1]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
    presence_penalty=st.sampled_from([0.0, 0.7]),
    frequency_penalty=st.sampled_from([0.0, -0.4]),
    logit_bias=st.dictionaries(st.integers(0, VOCABULARY - 1), st.floats(-3, 3), max_size=2),
)
def test_draws_follow_the_reference_distribution(seed, **params):
    answer = [3, 3, 5]
    num_draws = 600
    sequences = [make(answer=answer, seed=number, **params) for number in range(num_draws)]
    logits = logits_of(seed)
    tokens = sample(logits.expand(num_draws, -1), sequences)
    expected = reference_distribution(logits[0], PROMPT, answer, SamplingParams(**params))
    drawn = Counter(token.token_id for token in tokens)
    assert set(drawn) <= set(expected)
    for token, share in expected.items():
        assert abs(drawn[token] - num_draws * share) < largest_deviation(num_draws, share)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    num_candidates=st.integers(1, VOCABULARY),
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "temperature": st.sampled_from([0.0, 0.3, 1.0, 3.0]),
                "top_p": st.sampled_from([0.05, 0.6, 0.95, 1.0]),
                "top_k": st.sampled_from([0, 1, 2, 9, 100]),
                "min_p": st.sampled_from([0.0, 0.2]),
            }
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_ranking_few_candidates_chooses_as_ranking_all(seed, num_candidates, rows):
    logits = logits_of(seed, rows=len(rows))
    sequences = [make(seed=seed + number, **row) for number, row in enumerate(rows)]
    few = sample(logits, sequences, Sampler(num_candidates))
    assert few == sample(logits, sequences, Sampler(VOCABULARY))
    assert few == sample(logits, sequences, Sampler(num_candidates, waits=False))


def test_top_p_reaches_beyond_the_candidates_when_it_must():
    logits = torch.zeros(1, VOCABULARY).expand(60, -1)
    sequences = [make(temperature=1.0, top_p=0.9, seed=seed) for seed in range(60)]
    few, every = (sample(logits, sequences, Sampler(count)) for count in (1, VOCABULARY))
    assert few == every
    assert len(set(few)) > VOCABULARY // 2


def test_equal_logits_still_keep_no_more_than_top_k():
    logits = torch.zeros(1, VOCABULARY).expand(90, -1)
    limits = [2, 7, 1] * 30
    sequences = [make(temperature=1.0, top_k=k, seed=seed) for seed, k in enumerate(limits)]
    tokens = [token.token_id for token in sample(logits, sequences)]
    assert [len(set(tokens[first::3])) for first in range(3)] == [2, 7, 1]


def test_zero_temperature_takes_the_likeliest():
    logits = logits_of()
    assert sample_one(logits, make(seed=7)).token_id == logits.argmax()


def test_seed_and_place_alone_decide_whatever_the_company():
    logits = logits_of(rows=6)
    sequences = [
        make(temperature=1.0, seed=seed, top_k=seed % 3 * 4, repetition_penalty=1.1 + seed / 10)
        for seed in range(6)
    ]
    together = sample(logits, sequences)
    alone = [sample_one(logits[row : row + 1], sequences[row]) for row in range(6)]
    assert together == alone


def test_same_seed_draws_anew_at_every_place():
    logits = torch.zeros(1, VOCABULARY)
    answers = [[0] * count for count in range(40)]
    tokens = {sample_one(logits, make(answer=a, temperature=1.0, seed=1)).token_id for a in answers}
    assert len(tokens) > VOCABULARY // 2


def test_greedy_and_random_rows_share_a_batch():
    logits = logits_of(rows=3)
    sequences = [make(), make(temperature=1.5, seed=3), make()]
    tokens = [token.token_id for token in sample(logits, sequences)]
    assert [tokens[0], tokens[2]] == [logits[0].argmax(), logits[2].argmax()]


def test_penalties_follow_the_answer_as_it_grows():
    sampler, sequence = Sampler(), make(frequency_penalty=2.0)
    logits = torch.zeros(1, VOCABULARY)
    logits[0, :2] = torch.tensor([3.0, 1.5])
    tokens = []
    for _ in range(4):
        (token,) = sample(logits, [sequence], sampler)
        sequence.token_ids.append(token.token_id)
        tokens.append(token.token_id)
    assert tokens == [0, 1, 0, 2]


def test_penalties_of_one_row_leave_the_others_alone():
    logits = logits_of(rows=3)
    plain = [make(), make(), make()]
    penalised = [make(), make(presence_penalty=1e6, answer=range(2, VOCABULARY)), make()]
    tokens = [token.token_id for token in sample(logits, penalised)]
    expected = [token.token_id for token in sample(logits, plain)]
    # Prompt tokens that were not generated are not penalised.
    assert tokens[1] == logits[1, :2].argmax()
    assert [tokens[0], tokens[2]] == [expected[0], expected[2]]


def test_end_tokens_are_impossible_before_min_tokens():
    logits = torch.zeros(1, VOCABULARY)
    logits[0, 9] = 50
    stop = StopParams(10, token_ids=frozenset({9}), min_tokens=2)
    assert sample_one(logits, make(stop=stop)).token_id != 9
    assert sample_one(logits, make(answer=[4], stop=stop)).token_id != 9
    assert sample_one(logits, make(answer=[4, 4], stop=stop)).token_id == 9


def test_biased_end_tokens_are_impossible_too():
    logits = torch.zeros(1, VOCABULARY)
    stop = StopParams(10, token_ids=frozenset({9}), min_tokens=1)
    sequence = make(stop=stop, logit_bias={9: 100.0, 4: 50.0})
    sampler = Sampler()
    for expected in (4, 9):
        (token,) = sampler.sample(logits, [sequence]).tokens()
        assert token.token_id == expected
        sequence.token_ids.append(token.token_id)


def test_only_rows_whose_top_p_reaches_further_are_ranked_wholly(monkeypatch):
    ranked = []

    def counting(logits, params):
        ranked.append(len(logits))
        return draw_ranked_from_all(logits, params)

    monkeypatch.setattr(engine_sampler, "draw_ranked_from_all", counting)
    logits = torch.zeros(4, VOCABULARY)
    logits[:3, 7] = 50
    shapes = [{"top_k": 3, "top_p": 0.9}, {"top_p": 0.9}, {}, {"top_p": 0.9}]
    sequences = [make(temperature=1.0, **shape) for shape in shapes]
    tokens = Sampler(num_candidates=2).sample(logits, sequences).tokens()
    assert ranked == [1]
    assert [token.token_id for token in tokens[:2]] == [7, 7]
    assert tokens[3].token_id == sample_one(logits[3:], sequences[3]).token_id


def test_logits_are_left_as_they_were():
    logits = logits_of()
    before = logits.clone()
    sample_one(logits, make(temperature=0.5, presence_penalty=1.0, logit_bias={3: 5.0}))
    assert torch.equal(logits, before)


def test_each_row_gets_as_many_alternatives_as_it_asked_for():
    wanted = [0, None, 3, 1]
    sequences = [make(num_logprobs=count) for count in wanted]
    tokens = sample(logits_of(rows=4), sequences)
    given = [None if token.logprob is None else len(token.logprob.alternatives) for token in tokens]
    assert given == wanted


def test_logprobs_are_the_models_own():
    logits = logits_of()
    sequence = make(temperature=0.7, logit_bias={3: 9.0}, num_logprobs=2)
    token = sample_one(logits, sequence)
    expected = logits[0].log_softmax(-1)
    assert token.logprob.logprob == pytest.approx(float(expected[token.token_id]))
    best = expected.topk(2)
    assert [token_id for token_id, _value in token.logprob.alternatives] == best.indices.tolist()
    assert sample_one(logits, make()).logprob is None


STYLES = [
    {},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 1.0, "top_k": 3, "repetition_penalty": 1.1},
    {"temperature": 0.7, "min_p": 0.1},
    {"presence_penalty": 0.5, "frequency_penalty": 0.2, "logit_bias": {3: 1.0}},
    {"num_logprobs": 2},
    {"stop": StopParams(10, token_ids=frozenset({4}), min_tokens=5)},
]


def test_a_step_can_be_sampled_without_waiting_for_the_device():
    sampler = Sampler(num_candidates=2, waits=False)
    logits = logits_of(rows=len(STYLES))
    logits[3, 5] = torch.nan
    sequences = [make(answer=[3], **style) for style in STYLES]
    for _ in range(2):
        with Refusing():
            sampled = sampler.sample(logits, sequences)
        tokens = sampled.tokens()
        assert [token is None for token in tokens] == [row == 3 for row in range(len(STYLES))]
        for sequence, token in zip(sequences, tokens, strict=True):
            sequence.token_ids.append(token.token_id if token else 0)
    with pytest.raises(RuntimeError, match="where that is forbidden"), Refusing():
        Sampler(num_candidates=2).sample(logits, sequences)


def test_row_that_is_not_finite_leaves_the_others_tokens_alone():
    logits = logits_of(rows=3)
    fields = {"temperature": 1.0, "top_p": 0.8, "frequency_penalty": 0.1}
    expected = sample(logits, [make(seed=seed, **fields) for seed in range(3)])
    for bad in (torch.nan, torch.inf, -torch.inf):
        poisoned = logits.clone()
        poisoned[1, 7] = bad
        tokens = sample(poisoned, [make(seed=seed, **fields) for seed in range(3)])
        assert tokens == [expected[0], None, expected[2]]
