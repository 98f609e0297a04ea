"""What the model is examined on: fresh scenes, and one question a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from training.examination.answering import Prompt, user
from training.examination.parsing import claims, truth
from training.learning.sample import PICTURE_LAST_SHARE, thought
from training.talk import scenetalk as talk
from training.talk.pairtalk import converse_about_two
from training.talk.scenetalk import Exchange, Maker
from training.talk.smalltalk import lost_question
from training.world.renderer import draw_picture
from training.world.scene import Limits, Scene, draw_scene

LIMITS = Limits()
# Every n-th scene is also asked the rarer questions.
EXTRA_EVERY = 5

Grader = Callable[[str], bool]


@dataclass(frozen=True)
class Item:
    """One prompt, the cell of the table it counts in, and what makes an answer right."""

    cell: str
    prompt: Prompt
    expected: str
    grade: Grader


def exact(expected: str) -> Grader:
    return lambda answer: answer.strip() == expected


def same_verdict(expected: str) -> Grader:
    """Only yes or no counts."""
    return lambda answer: answer.strip().split(",")[0] == expected.split(",")[0]


def same_claims(scene: Scene) -> Grader:
    return lambda answer: claims(answer) == truth(scene)


MAKERS: tuple[tuple[str, Maker], ...] = (
    ("color", talk.color_of),
    ("shape", talk.kind_of),
    ("place", talk.where_is),
    ("place", talk.at_place),
)
COUNTERS: tuple[Maker, ...] = (talk.count_all, talk.count_kind, talk.count_color)


def draw_exam(seed: int, scenes: int) -> Iterator[Item]:
    """Seeds begin with another word than training's, so no scene was ever trained on."""
    for index in range(scenes):
        rng = Random(f"exam {seed} {index}")
        yield from common_items(rng, index)
        if index % EXTRA_EVERY == 0:
            yield from extra_items(rng)


def common_items(rng: Random, index: int) -> Iterator[Item]:
    scene = draw_scene(rng, LIMITS)
    image = draw_picture(rng, scene, LIMITS).image

    def item(cell: str, exchange: Exchange, grade: Grader | None = None) -> Item:
        message = user(exchange.question, 1, rng.random() < PICTURE_LAST_SHARE)
        prompt = Prompt([message], (image,))
        return Item(cell, prompt, exchange.answer, grade or exact(exchange.answer))

    for offset in (0, 2):
        cell, maker = MAKERS[(index + offset) % len(MAKERS)]
        yield item(cell, maker(rng, scene))
    yield item("count", COUNTERS[index % len(COUNTERS)](rng, scene))
    asked = talk.exists(rng, scene)
    yield item("yes or no", asked, same_verdict(asked.answer))
    yield item("description", talk.describe(rng, scene), same_claims(scene))


def extra_items(rng: Random) -> Iterator[Item]:
    yield follow_up_item(rng)
    yield pair_item(rng)
    asked = lost_question(rng)
    yield Item("no picture", Prompt([user(asked.question)]), asked.answer, exact(asked.answer))
    yield thinking_item(rng)


def follow_up_item(rng: Random) -> Item:
    """The first answer is given as it should be; the second is examined."""
    scene = draw_scene(rng, LIMITS)
    image = draw_picture(rng, scene, LIMITS).image
    first = talk.kind_of(rng, scene)
    second = talk.follow_up(rng, scene, first)
    messages = [
        user(first.question, 1),
        {"role": "assistant", "content": first.answer},
        user(second.question),
    ]
    return Item("follow-up", Prompt(messages, (image,)), second.answer, exact(second.answer))


def pair_item(rng: Random) -> Item:
    pair = draw_scene(rng, LIMITS), draw_scene(rng, LIMITS)
    images = tuple(draw_picture(rng, scene, LIMITS).image for scene in pair)
    asked = converse_about_two(rng, pair, 1)[0]
    prompt = Prompt([user(asked.question, 2)], images)
    return Item("two pictures", prompt, asked.answer, exact(asked.answer))


def thinking_item(rng: Random) -> Item:
    scene = draw_scene(rng, LIMITS)
    image = draw_picture(rng, scene, LIMITS).image
    asked = talk.where_is(rng, scene)
    expected = f"<think>{thought((scene,))}</think>\n{asked.answer}"
    prompt = Prompt([user(asked.question, 1)], (image,), thinking=True)
    return Item("thinking, all exact", prompt, expected, exact(expected))
