from __future__ import annotations

from random import Random

import pytest

from training.examination.parsing import claims, truth
from training.talk import scenetalk as talk
from training.talk.pairtalk import converse_about_two
from training.talk.phrases import NUMBERS, WHERE, plural, sentence, with_article
from training.world.scene import Limits, Scene, draw_scene

SEEDS = range(200)


def scene_of(seed: int) -> Scene:
    return draw_scene(Random(f"talk {seed}"), Limits())


def names(scene: Scene) -> list[str]:
    return [name for shape in scene.shapes for _, name in talk.calls_of(shape)]


@pytest.mark.parametrize("seed", SEEDS[:50])
def test_description_says_exactly_what_the_scene_holds(seed: int) -> None:
    scene = scene_of(seed)
    assert claims(talk.describe(Random(seed), scene).answer) == truth(scene)


def test_description_parser_refuses_other_text() -> None:
    assert claims("A red circle at the top and a cat on the left.") is None
    assert claims("") is None


def test_description_parser_counts_equal_shapes_twice() -> None:
    twice = claims("A red star at the top and a red star at the top.")
    assert twice is not None
    assert twice["red", "star", "top"] == 2


def test_counts_are_true() -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        exchange = talk.count_kind(Random(seed), scene)
        number = exchange.answer.split()[2]
        noun = exchange.answer.split()[-1].removesuffix(".")
        kinds = [shape.kind for shape in scene.shapes]
        matches = [kind for kind in kinds if noun in (kind, plural(kind))]
        assert NUMBERS.index(number) == len(matches)


def test_yes_means_that_it_is_there() -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        exchange = talk.exists(Random(seed), scene)
        claimed = exchange.answer.removesuffix(".")
        present = any(claimed.endswith(f"is {with_article(name)}") for name in names(scene))
        assert exchange.answer.startswith("Yes") == present


def test_places_are_true() -> None:
    for seed in SEEDS:
        scene = scene_of(seed)
        exchange = talk.where_is(Random(seed), scene)
        if exchange.about is not None:
            assert exchange.answer == sentence(WHERE[exchange.about.place])
            assert sum(name in exchange.question for name in set(names(scene))) >= 1
        else:
            assert exchange.answer.removesuffix(".").split("no ")[1] not in names(scene)


def test_follow_up_is_about_the_same_shape() -> None:
    for seed in SEEDS:
        rng, scene = Random(seed), scene_of(seed)
        first = talk.kind_of(rng, scene)
        second = talk.follow_up(rng, scene, first)
        assert second.about == first.about
        assert second.topic != first.topic


def test_more_shapes_names_the_right_picture() -> None:
    for seed in SEEDS:
        rng = Random(seed)
        pair = scene_of(seed), scene_of(seed + 1000)
        for exchange in converse_about_two(rng, pair, 4):
            if "more" in exchange.question:
                first, second = (len(scene.shapes) for scene in pair)
                assert ("first" in exchange.answer) == (first > second)
                assert ("second" in exchange.answer) == (first < second)
