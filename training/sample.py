"""One training sample: some pictures and a conversation about them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.pairtalk import converse_about_two
from training.phrases import listed, sentence
from training.renderer import Picture, draw_picture
from training.scene import Limits, Scene, draw_scene
from training.smalltalk import small_talk
from training.talk import Exchange, converse, describe

PAIR_SHARE = 0.04
SMALL_TALK_SHARE = 0.04
THINKING_SHARE = 0.1
PICTURE_LAST_SHARE = 0.25
DESCRIBE_SHARE = 0.12  # where conversations do not describe


@dataclass(frozen=True)
class Sample:
    """`pictures` and `scenes` belong together; all pictures come with the first question.

    Without exchanges the sample is only for looking.
    """

    scenes: tuple[Scene, ...]
    pictures: tuple[Picture, ...]
    exchanges: tuple[Exchange, ...]
    picture_last: bool
    thought: str | None  # the reasoning before the last answer, if thinking is on


def draw_sample(
    rng: Random, limits: Limits, most_exchanges: int = 6, describing: bool = True
) -> Sample:
    if most_exchanges == 0:
        return finish(rng, (draw_scene(rng, limits),), [], limits)
    kind = rng.random()
    if kind < SMALL_TALK_SHARE:
        return finish(rng, (), small_talk(rng), limits)
    if kind < SMALL_TALK_SHARE + PAIR_SHARE:
        pair = draw_scene(rng, limits), draw_scene(rng, limits)
        return finish(rng, pair, converse_about_two(rng, pair, rng.randint(1, 3)), limits)
    scene = draw_scene(rng, limits)
    if not describing and rng.random() < DESCRIBE_SHARE:
        return finish(rng, (scene,), [describe(rng, scene)], limits)
    count = rng.randint(1, most_exchanges)
    return finish(rng, (scene,), converse(rng, scene, count, describing=describing), limits)


def finish(
    rng: Random, scenes: tuple[Scene, ...], exchanges: list[Exchange], limits: Limits
) -> Sample:
    return Sample(
        scenes=scenes,
        pictures=tuple(draw_picture(rng, scene, limits) for scene in scenes),
        exchanges=tuple(exchanges),
        picture_last=rng.random() < PICTURE_LAST_SHARE,
        thought=thought(scenes) if rng.random() < THINKING_SHARE else None,
    )


def thought(scenes: tuple[Scene, ...]) -> str:
    """One short true sentence."""
    if not scenes:
        return "There is no picture."
    if len(scenes) == 1:
        return sentence("the picture shows " + listed(scenes[0].shapes))
    counts = " and ".join(str(len(scene.shapes)) for scene in scenes)
    return f"The pictures show {counts} shapes."
