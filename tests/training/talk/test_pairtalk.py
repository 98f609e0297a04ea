from __future__ import annotations

import itertools
from random import Random

import pytest

from tests.training.talk.scenes import SEEDS, pair_of
from training.talk import pairtalk
from training.talk.call import calls_of, name_of
from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH
from training.talk.tongue import Tongue

both_tongues = pytest.mark.parametrize("tongue", [ENGLISH, CHINESE], ids=["en", "zh"])


@both_tongues
def test_more_shapes_names_the_right_picture(tongue: Tongue) -> None:
    for seed in SEEDS:
        pair = pair_of(seed)
        answer = pairtalk.more(Random(seed), pair, tongue).answer
        first, second = (len(scene.shapes) for scene in pair)
        assert (tongue.ordinals[0].lower() in answer.lower()) == (first > second)
        assert (tongue.ordinals[1].lower() in answer.lower()) == (first < second)


@both_tongues
def test_which_names_every_picture_that_shows_it(tongue: Tongue) -> None:
    for seed in SEEDS:
        pair = pair_of(seed)
        asked = pairtalk.which(Random(seed), pair, tongue)
        shapes = {name_of(shape) for scene in pair for shape in scene.shapes}
        call = max(
            (call for call in shapes if tongue.some(call) in asked.question),
            key=lambda call: len(tongue.some(call)),
        )
        shown = [any(name_of(shape) == call for shape in scene.shapes) for scene in pair]
        expected = {
            (True, True): tongue.say("both"),
            (True, False): tongue.say("picture", tongue.ordinals[0]),
            (False, True): tongue.say("picture", tongue.ordinals[1]),
        }
        assert asked.answer == expected[shown[0], shown[1]]


@both_tongues
def test_same_count_gives_both_counts_where_they_differ(tongue: Tongue) -> None:
    for seed in SEEDS[:50]:
        pair = pair_of(seed)
        answer = pairtalk.same_count(Random(seed), pair, tongue).answer
        counts = [len(scene.shapes) for scene in pair]
        assert answer.startswith(("Yes", "是的")) == (counts[0] == counts[1])
        assert all(tongue.number(count) in answer for count in counts)


@both_tongues
def test_exists_in_one_is_about_that_picture(tongue: Tongue) -> None:
    for seed in SEEDS:
        pair = pair_of(seed)
        asked = pairtalk.exists_in_one(Random(seed), pair, tongue)
        index = tongue.ordinals[1] in asked.question
        calls = [call for shape in pair[index].shapes for call in calls_of(shape)]
        there = {tongue.say("yes", tongue.noun(call), tongue.one(call)) for call in calls}
        assert (asked.answer in there) == asked.answer.startswith(("Yes", "有"))


@both_tongues
def test_a_follow_up_asks_about_the_shape_before(tongue: Tongue) -> None:
    follow_ups = 0
    for seed in SEEDS:
        exchanges = pairtalk.converse_about_two(Random(seed), pair_of(seed), 4, tongue)
        for last, fresh in itertools.pairwise(exchanges):
            if fresh.topic != "pair":
                assert fresh.about == last.about
                follow_ups += 1
    assert follow_ups > 20
