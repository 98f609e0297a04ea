"""One training sample: some pictures and several conversations about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.talk.pairtalk import converse_about_two
from training.talk.phrases import listed, sentence
from training.talk.scenetalk import Exchange, converse
from training.talk.smalltalk import small_talk
from training.world.renderer import Picture, draw_picture
from training.world.scene import Limits, Scene, draw_scene

PAIR_SHARE = 0.15
SMALL_TALK_SHARE = 0.02
THINKING_SHARE = 0.08
PICTURE_LAST_SHARE = 0.25
# How often a conversation has one, two, ... exchanges.
LENGTHS = (0.65, 0.2, 0.1, 0.05)


@dataclass(frozen=True)
class Talk:
    """One conversation; `thought` is the reasoning before its last answer, if thinking is on."""

    exchanges: tuple[Exchange, ...]
    thought: str | None


@dataclass(frozen=True)
class Sample:
    """`pictures` and `scenes` belong together and come with the first question of each talk.

    Talks know nothing of each other. Where the pictures come last there is one talk, since
    nothing is shared. Without talks the sample is only for looking.
    """

    scenes: tuple[Scene, ...]
    pictures: tuple[Picture, ...]
    talks: tuple[Talk, ...]
    picture_last: bool


Converse = Callable[[int], list[Exchange]]


def draw_sample(rng: Random, limits: Limits, talks: int = 6) -> Sample:
    scenes, talk = draw_topic(rng, limits)
    picture_last = rng.random() < PICTURE_LAST_SHARE
    if picture_last or not scenes:
        talks = min(talks, 1)
    return Sample(
        scenes=scenes,
        pictures=tuple(draw_picture(rng, scene, limits) for scene in scenes),
        talks=tuple(draw_talk(rng, scenes, talk) for _ in range(talks)),
        picture_last=picture_last,
    )


def draw_topic(rng: Random, limits: Limits) -> tuple[tuple[Scene, ...], Converse]:
    """The scenes shown, and how to converse about them for some exchanges."""
    kind = rng.random()
    if kind < SMALL_TALK_SHARE:
        return (), lambda count: small_talk(rng)
    scene = draw_scene(rng, limits)
    if kind < SMALL_TALK_SHARE + PAIR_SHARE:
        pair = scene, draw_scene(rng, limits)
        return pair, lambda count: converse_about_two(rng, pair, count)
    return (scene,), lambda count: converse(rng, scene, count)


def draw_talk(rng: Random, scenes: tuple[Scene, ...], talk: Converse) -> Talk:
    (count,) = rng.choices(range(1, len(LENGTHS) + 1), LENGTHS)
    thinking = rng.random() < THINKING_SHARE
    return Talk(tuple(talk(count)), thought(scenes) if thinking else None)


def thought(scenes: tuple[Scene, ...]) -> str:
    """One short true sentence."""
    if not scenes:
        return "There is no picture."
    if len(scenes) == 1:
        return sentence("the picture shows " + listed(scenes[0].shapes))
    counts = " and ".join(str(len(scene.shapes)) for scene in scenes)
    return f"The pictures show {counts} shapes."
