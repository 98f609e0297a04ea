"""Invariant 2 for videos: equal to transformers, whatever the circumstances."""

import pytest
import torch

from tests.generator import tiny
from tests.generator.harness import (
    Ours,
    Theirs,
    assistant,
    conversation,
    film,
    generated,
    picture,
    pictures_of,
    run_to_end,
    shape_of,
    user,
)
from tests.generator.test_parity import greedy_ours

CONVERSATIONS = [
    [user(film(0.0), "What happens?")],
    [user(film(0.0, 0.5), "What happens?")],
    [user("Before", film(0.0, 0.3, 1.0, 1.7, seed=1), "after")],
    [user(film(0.0, 2.04, 11.25, rows=1, columns=1, seed=2), "小的。")],
    [user(film(*[0.25 * n for n in range(20)], rows=1, columns=2, seed=3), "Many groups.")],
    [user(film(0.0, 1.0, rows=5, columns=2), film(0.0, 8.96, rows=1, columns=7), "Compare.")],
    [user(film(0.0, 59.95, 119.9), "One?"), assistant("Yes."), user("And two?")],
    [user(film(0.0, 1.0, seed=4), "a"), assistant("b"), user(film(0.0, 2.0, seed=5), "c")],
]
IDS = range(len(CONVERSATIONS))


@pytest.fixture(scope="module", params=["glm4v", "glm46v"])
def both(request, tmp_path_factory):
    """One checkpoint of each model type; their processors write times differently."""
    folder = tiny.build_checkpoint(tmp_path_factory.mktemp(request.param), request.param)
    return Ours(folder, torch.float64), Theirs(folder, torch.float64)


@pytest.mark.parametrize("turns", CONVERSATIONS, ids=IDS)
def test_greedy_ids_equal_transformers_in_float64(both, turns):
    ours, theirs = both
    assert ours.prompt(turns).token_ids == theirs.prompt_ids(turns)
    expected, _logits = theirs.generate(turns, 12)
    assert greedy_ours(ours, theirs, turns, 12)[0] == expected
    assert len(set(expected)) > 2, "the checkpoint repeats itself and proves nothing"


def test_nano_greedy_ids_equal_transformers_in_float64(nano_ours, nano_theirs):
    for turns in CONVERSATIONS[2:5]:
        assert nano_ours.prompt(turns).token_ids == nano_theirs.prompt_ids(turns)
        expected, _logits = nano_theirs.generate(turns, 8)
        assert greedy_ours(nano_ours, nano_theirs, turns, 8)[0] == expected


def test_the_processors_write_times_differently(both, nano_ours):
    """Guards against a reference that takes either for the other."""
    ours, _theirs = both
    turns = [user(film(0.0, 1.96))]
    text = b"".join(ours.vocabulary.token_bytes[token] for token in ours.prompt(turns).token_ids)
    nano = b"".join(
        nano_ours.vocabulary.token_bytes[token] for token in nano_ours.prompt(turns).token_ids
    )
    is_new = ours.checkpoint.config["model_type"] == "glm46v"
    assert (b"<|end_of_image|>2.0 seconds<" in text) == is_new
    assert (b"<|end_of_image|>1<" in text) == (not is_new)
    assert b"2.0 seconds" in nano, "nano is a glm4v with glm46v's processor"


def cases_of(ours, theirs, max_tokens):
    cases = []
    for turns in CONVERSATIONS:
        features = [theirs.features(shown) for shown in pictures_of(turns)]
        ids, _logits = greedy_ours(ours, theirs, turns, max_tokens)
        cases.append((ours.prompt(turns), features, ids))
    return cases


def answers(ours, cases, max_tokens, **options):
    engine = ours.engine(**options)
    sequences = [ours.sequence(prompt, features, max_tokens) for prompt, features, _ids in cases]
    for sequence in sequences:
        engine.add(sequence)
    run_to_end(engine)
    return sequences


@pytest.mark.parametrize("budget", [8, 13, 32, 2048])
def test_together_and_in_chunks_as_alone(both, budget):
    cases = cases_of(*both, 12)
    sequences = answers(both[0], cases, 12, max_num_batched_tokens=budget, max_num_seqs=8)
    assert [generated(sequence) for sequence in sequences] == [ids for _p, _f, ids in cases]


def test_preempted_as_undisturbed(both):
    some = cases_of(*both, 45)[:4]
    sequences = answers(both[0], some, 45, num_blocks=12, max_num_batched_tokens=48)
    assert sum(sequence.num_preemptions for sequence in sequences) > 0
    assert [generated(sequence) for sequence in sequences] == [ids for _p, _f, ids in some]


def test_cached_as_cold_also_under_another_question(both):
    ours, theirs = both
    shown = film(*[0.5 * n for n in range(9)], rows=2, columns=2, seed=6)
    engine = ours.engine()
    features = [theirs.features(shown)]
    for question in ("What happens?", "How often?", "What happens?"):
        turns = [user(shown, question)]
        sequence = ours.sequence(ours.prompt(turns), features, 12)
        engine.add(sequence)
        run_to_end(engine)
        assert generated(sequence) == theirs.generate(turns, 12)[0]
    assert sequence.num_reused_tokens > 60


def test_groups_of_other_features_never_share_blocks(both):
    """Two videos of equal shape and times, the last group of which differs."""
    ours, theirs = both
    shown = film(0.0, 1.0, 2.0, rows=4, columns=4, seed=7)
    features = theirs.features(shown)
    other = torch.cat([features[:32], theirs.features(film(0.0, rows=4, columns=4, seed=8))])
    engine = ours.engine()
    prompt = ours.prompt([user(shown, "What?")])
    ends = []
    for given in (features, other):
        sequence = ours.sequence(prompt, [given], 12)
        engine.add(sequence)
        run_to_end(engine)
        ends.append((sequence.num_reused_tokens, generated(sequence)))
    alone = ours.engine()
    cold = ours.sequence(prompt, [other], 12)
    alone.add(cold)
    run_to_end(alone)
    assert ends[1][1] == generated(cold)
    # Equal groups are shared, the other one is not.
    assert 0 < ends[1][0] <= prompt.ranges[2].offset


def test_positions_beside_pictures_equal_transformers(both):
    """transformers places both in one prompt, and then cannot fill them."""
    ours, theirs = both
    shown = [picture(3, 2, 1), film(0.0, 1.5, rows=2, columns=4), picture(1, 5, 2)]
    turns = [user("a", shown[0], "b", shown[1], "c"), assistant("d"), user(shown[2], "e")]
    prompt = ours.prompt(turns)
    ids = theirs.prompt_ids(turns)
    assert prompt.token_ids == ids
    expected, delta = theirs.model.model.get_rope_index(
        torch.tensor([ids]),
        theirs.token_types(ids),
        image_grid_thw=torch.tensor([[1, 6, 4], [1, 2, 10]]),
        video_grid_thw=torch.tensor([[2, 4, 8]]),
    )
    assert torch.equal(prompt.positions.position_ids, expected[:, 0])
    assert prompt.positions.delta == delta.item()


def test_the_length_is_known_before_the_prompt(both):
    ours, _theirs = both
    for turns in CONVERSATIONS:
        rendered = ours.builder.render(conversation(turns))
        shapes = dict(enumerate(map(shape_of, pictures_of(turns))))
        assert ours.builder.num_tokens(rendered, shapes) == len(ours.prompt(turns).token_ids)
