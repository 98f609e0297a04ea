from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from random import Random

import pytest

from training.learning.sample import (
    LOOKING,
    NOTHING,
    Sample,
    Shares,
    draw_sample,
)
from training.learning.stage import SCENES_WORLD, SMALL_WORLD, Stage
from training.learning.topic import TOPICS
from training.world.scene import SMALL_LIMITS, Limits, Scene

LIMITS = Limits(longest_side=168)


def only(topic: str, seed: int, talks: int = 3) -> Sample:
    shares = replace(NOTHING, **{topic: 1.0})
    return draw_sample(Random(f"sample {seed}"), LIMITS, talks, shares)


def test_every_topic_has_a_share() -> None:
    assert set(TOPICS) == {field.name for field in fields(Shares)}


@pytest.mark.parametrize("topic", TOPICS)
def test_each_subject_has_its_picture(topic: str) -> None:
    for seed in range(4):
        sample = only(topic, seed, talks=0 if topic == "poster" else 3)
        assert len(sample.pictures) == len(sample.subjects)
        for subject, picture in zip(sample.subjects, sample.pictures, strict=True):
            if isinstance(subject, Scene):
                assert picture.image.size == (subject.width, subject.height)


def test_a_sample_depends_on_the_seed_alone() -> None:
    one, other = (draw_sample(Random("same"), LIMITS) for _ in range(2))
    assert one.talks == other.talks
    assert [p.image.tobytes() for p in one.pictures] == [p.image.tobytes() for p in other.pictures]


def test_a_picture_that_comes_last_or_later_belongs_to_one_talk() -> None:
    for seed in range(30):
        for sample in (only("scene", seed), only("later", seed)):
            later = sample.first_pictures() < len(sample.pictures)
            assert len(sample.talks) == (1 if sample.picture_last or later else 3)


def test_later_pictures_are_not_lost() -> None:
    for seed in range(20):
        sample = only("later", seed)
        (talk,) = sample.talks
        assert sample.first_pictures() == 1
        assert sum(exchange.pictures for exchange in talk.exchanges) == 1


def test_talks_about_one_picture_mix_languages() -> None:
    samples = [only("scene", seed, talks=6) for seed in range(10)]
    languages = [
        {exchange.question.isascii() for talk in sample.talks for exchange in talk.exchanges}
        for sample in samples
    ]
    assert sum(len(spoken) == 2 for spoken in languages) > 2


def test_one_conversation_keeps_its_language() -> None:
    for seed in range(30):
        for talk in only("scene", seed).talks:
            assert len({exchange.question.isascii() for exchange in talk.exchanges}) == 1


def test_nothing_is_said_where_one_only_looks() -> None:
    shown = Counter()
    for seed in range(30):
        sample = draw_sample(Random(seed), LIMITS, 0, LOOKING)
        assert sample.talks == ()
        shown[type(sample.subjects[0])] += 1
    assert len(shown) == 2


def test_the_small_world_has_its_own_shapes_and_speaks_english_alone() -> None:
    for seed in range(20):
        rng = Random(f"small {seed}")
        stage = SMALL_WORLD
        sample = draw_sample(rng, stage.limits, stage.talks, stage.shares, stage.tongues)
        for scene in sample.subjects:
            assert isinstance(scene, Scene)
            assert {shape.kind for shape in scene.shapes} <= set(SMALL_LIMITS.kinds)
            assert {shape.color for shape in scene.shapes} <= set(SMALL_LIMITS.colors)
            assert max(scene.width, scene.height) <= SMALL_LIMITS.longest_side
        exchanges = [exchange for talk in sample.talks for exchange in talk.exchanges]
        assert all(exchange.question.isascii() for exchange in exchanges)


def of_stage(stage: Stage, seed: int) -> Sample:
    rng = Random(f"stage {seed}")
    return draw_sample(
        rng, stage.limits, stage.talks, stage.shares, stage.tongues, stage.picture_last_share
    )


def test_the_world_of_scenes_declines_what_is_no_scene_in_both_languages() -> None:
    declined = {tongue.say("outside") for tongue in SCENES_WORLD.tongues}
    unread = replace(SCENES_WORLD, shares=replace(NOTHING, unread=1.0))
    for seed in range(12):
        sample = of_stage(unread, seed)
        assert not isinstance(sample.subjects[0], Scene)
        answers = {each.answer for talk in sample.talks for each in talk.exchanges}
        assert answers <= declined


def test_the_world_of_scenes_never_boasts_of_words_or_charts() -> None:
    for seed in range(60):
        for talk in of_stage(SCENES_WORLD, seed).talks:
            for exchange in talk.exchanges:
                if exchange.topic in ("outside", "about", "unread"):
                    assert not any(word in exchange.answer for word in ("charts", "图表"))


def test_pictures_come_last_as_often_as_the_stage_says() -> None:
    always = replace(SCENES_WORLD, shares=replace(NOTHING, scene=1.0), picture_last_share=1.0)
    assert all(of_stage(always, seed).picture_last for seed in range(5))
    never = replace(always, picture_last_share=0.0)
    assert not any(of_stage(never, seed).picture_last for seed in range(5))
