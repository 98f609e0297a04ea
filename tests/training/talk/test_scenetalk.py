from __future__ import annotations

import itertools
import json
import re
from random import Random

import pytest

from tests.training.talk.scenes import SEEDS, scene_of
from training.examination.parsing import claims, truth
from training.talk import scenetalk as talk
from training.talk.box import overlap, read_box
from training.talk.call import Call, calls_of, unique_calls
from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH, FIRST_ENGLISH
from training.talk.tongue import Tongue
from training.world.scene import COLORS, KINDS, Limits, Scene

both_tongues = pytest.mark.parametrize("tongue", [ENGLISH, CHINESE], ids=["en", "zh"])
EVERY_CALL = [
    Call(color, kind) for color in (None, *COLORS) for kind in (None, *KINDS) if color or kind
]


def called(scene: Scene, name: str, tongue: Tongue) -> int:
    """How many shapes of the scene the name fits."""
    call = next(call for call in EVERY_CALL if name in (tongue.noun(call), tongue.nouns(call)))
    return sum(call in calls_of(shape) for shape in scene.shapes)


@both_tongues
def test_description_says_exactly_what_the_scene_holds(tongue: Tongue) -> None:
    for seed in SEEDS[:50]:
        scene = scene_of(seed)
        assert claims(talk.describe(Random(seed), scene, tongue).answer, tongue) == truth(scene)


@both_tongues
def test_json_lists_every_shape_in_reading_order(tongue: Tongue) -> None:
    scene = scene_of(1)
    answer = talk.describe_as_json(Random(0), scene, tongue).answer
    assert json.loads(answer) == [
        {"shape": shape.kind, "color": shape.color, "place": shape.place} for shape in scene.shapes
    ]


def test_json_is_the_same_in_every_language() -> None:
    scene = scene_of(1)
    english, chinese = (
        talk.describe_as_json(Random(0), scene, tongue).answer for tongue in (ENGLISH, CHINESE)
    )
    assert english == chinese


@pytest.mark.parametrize(
    ("tongue", "pattern"),
    [
        (ENGLISH, r"There (?:is|are) (?P<number>\w+) (?P<name>.+)\."),
        (CHINESE, r"图中(?:有(?P<number>.)个|没有)(?P<name>.+)。"),
    ],
    ids=["en", "zh"],
)
def test_counts_are_true(tongue: Tongue, pattern: str) -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        maker = (talk.count_kind, talk.count_color)[seed % 2]
        match = re.fullmatch(pattern, maker(Random(seed), scene, tongue).answer)
        assert match is not None
        number = called(scene, match["name"], tongue)
        said = tongue.number(number).removesuffix("个")
        assert match["number"] == said or (number == 0 and match["number"] is None)


@both_tongues
def test_yes_means_that_it_is_there(tongue: Tongue) -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        answer = talk.exists(Random(seed), scene, tongue).answer
        calls = [call for shape in scene.shapes for call in calls_of(shape)]
        there = {tongue.say("yes", tongue.noun(call), tongue.one(call)) for call in calls}
        assert (answer in there) == answer.startswith(("Yes", "有"))


@both_tongues
def test_where_names_the_place_of_the_one_shape_that_is_asked_about(tongue: Tongue) -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        exchange = talk.where_is(Random(seed), scene, tongue)
        if exchange.about is None:
            assert exchange.answer in {
                tongue.say("absent", tongue.noun(call))
                for call in EVERY_CALL
                if not call.fitting(scene)
            }
        else:
            assert exchange.answer == tongue.say("where", tongue.places[exchange.about.place])
            assert exchange.about in [shape for shape, _ in unique_calls(scene)]


@both_tongues
def test_a_box_is_that_of_the_shape_that_is_asked_about(tongue: Tongue) -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        exchange = talk.locate(Random(seed), scene, tongue)
        if exchange.about is not None:
            left, top, right, bottom = exchange.about.box
            box = read_box(exchange.answer)
            assert box is not None
            across, down = scene.width / 1000, scene.height / 1000
            pixels = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
            assert overlap(pixels, (left, top, right, bottom)) > 0.85


@both_tongues
def test_color_and_kind_are_those_of_the_shape(tongue: Tongue) -> None:
    for seed in SEEDS:
        scene, rng = scene_of(seed), Random(seed)
        color = talk.color_of(rng, scene, tongue)
        kind = talk.kind_of(rng, scene, tongue)
        if color.about is not None:
            assert color.answer == tongue.sentence(tongue.colors[color.about.color])
        assert kind.about is not None
        assert tongue.kinds[kind.about.kind] in kind.answer


@both_tongues
def test_follow_up_is_about_the_same_shape(tongue: Tongue) -> None:
    for seed in SEEDS:
        rng, scene = Random(seed), scene_of(seed)
        first = talk.kind_of(rng, scene, tongue)
        second = talk.follow_up(rng, scene, first, tongue)
        assert second.about == first.about
        assert second.topic != first.topic


@both_tongues
def test_a_short_question_goes_on_with_the_same_topic(tongue: Tongue) -> None:
    short = {question.format("") for question in tongue.questions["and"]}
    for seed in SEEDS:
        rng, scene = Random(seed), scene_of(seed)
        exchanges = talk.converse(rng, scene, 4, tongue, follow_ups=1.0)
        for last, fresh in itertools.pairwise(exchanges):
            if any(fresh.question.endswith(end) for end in short if tongue.language == "zh"):
                assert fresh.topic == last.topic
            if fresh.question.startswith("What about the"):
                assert fresh.topic == last.topic


@both_tongues
def test_no_conversation_says_the_same_twice(tongue: Tongue) -> None:
    for seed in SEEDS:
        exchanges = talk.converse(Random(seed), scene_of(seed), 4, tongue)
        said = [(exchange.topic, exchange.answer) for exchange in exchanges]
        assert len(set(said)) == 4


def test_the_first_tongue_asks_what_the_first_weights_were_taught() -> None:
    limits = Limits(kinds=tuple(FIRST_ENGLISH.kinds), colors=tuple(FIRST_ENGLISH.colors))
    topics = {
        exchange.topic
        for seed in SEEDS
        for exchange in talk.converse(Random(seed), scene_of(seed, limits), 3, FIRST_ENGLISH)
    }
    assert topics == {"describe", "count", "place", "where", "color", "shape", "exists"}
