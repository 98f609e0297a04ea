"""The cells of the table: each asks about one ability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.examination.answering import user
from training.examination.item import (
    Grader,
    Item,
    exact,
    near_box,
    same_claims,
    same_list,
    same_verdict,
)
from training.examination.world import World
from training.learning.sample import Subject
from training.processing import Message
from training.talk import scenetalk as talk
from training.talk.beyond import ask_outside
from training.talk.exchange import Exchange
from training.talk.latertalk import converse_over_two_turns
from training.talk.pairtalk import ask_about_two
from training.talk.scenetalk import Maker
from training.talk.smalltalk import lost_question
from training.talk.thought import think_about_scene
from training.talk.tongue import Tongue
from training.world.scene import Scene

PICTURE_LAST_SHARE = 0.25


@dataclass(frozen=True)
class Draw:
    """What an item is drawn from; the same draw gives the same item."""

    cell: str
    seed: str
    world: World
    tongue: Tongue

    def rng(self) -> Random:
        return Random(self.seed)

    def item(
        self,
        messages: list[Message],
        subjects: tuple[Subject, ...],
        expected: str,
        grade: Grader | None = None,
        thinking: bool = False,
    ) -> Item:
        return Item(
            self.cell,
            self.tongue.language,
            messages,
            subjects,
            self.seed,
            expected,
            grade or exact(expected),
            thinking,
        )

    def first_question(
        self, rng: Random, subject: Subject, asked: Exchange, grade: Grader | None = None
    ) -> Item:
        """A question with its picture before it, or sometimes behind."""
        message = user(asked.question, 1, rng.random() < PICTURE_LAST_SHARE)
        return self.item([message], (subject,), asked.answer, grade)


CellMaker = Callable[[Draw], Item]


def about_scene(*makers: Maker) -> CellMaker:
    """Graded word for word."""

    def make(draw: Draw) -> Item:
        rng = draw.rng()
        scene = draw.world.draw_scene(rng)
        asked = rng.choice(makers)(rng, scene, draw.tongue, False)
        return draw.first_question(rng, scene, asked)

    return make


def yes_or_no(draw: Draw) -> Item:
    rng = draw.rng()
    scene = draw.world.draw_scene(rng)
    asked = talk.exists(rng, scene, draw.tongue)
    return draw.first_question(rng, scene, asked, same_verdict(asked.answer, draw.tongue))


def description(draw: Draw) -> Item:
    rng = draw.rng()
    scene = draw.world.draw_scene(rng)
    asked = talk.describe(rng, scene, draw.tongue)
    return draw.first_question(rng, scene, asked, same_claims(scene, draw.tongue))


def as_json(draw: Draw) -> Item:
    rng = draw.rng()
    scene = draw.world.draw_scene(rng)
    asked = talk.describe_as_json(rng, scene, draw.tongue)
    return draw.first_question(rng, scene, asked, same_list(scene))


def box(draw: Draw) -> Item:
    """Only of shapes that are there."""
    rng = draw.rng()
    while True:
        scene = draw.world.draw_scene(rng)
        asked = talk.locate(rng, scene, draw.tongue)
        if asked.about is not None:
            return draw.first_question(rng, scene, asked, near_box(asked.about, scene))


def follow_up(draw: Draw) -> Item:
    """Earlier answers are given as they should be; the last one is examined."""
    rng = draw.rng()
    while True:
        scene = draw.world.draw_scene(rng)
        exchanges = talk.converse(rng, scene, rng.randint(1, 2), draw.tongue)
        last = talk.follow(rng, scene, exchanges[-1], draw.tongue)
        if last is not None:
            talked = messages([*exchanges, last])
            return draw.item(talked, (scene,), last.answer, grader(last, scene))


def first_follow_up(draw: Draw) -> Item:
    """About the shape whose kind was asked before."""
    rng = draw.rng()
    scene = draw.world.draw_scene(rng)
    first = talk.kind_of(rng, scene, draw.tongue)
    last = talk.follow_up(rng, scene, first, draw.tongue)
    return draw.item(messages([first, last]), (scene,), last.answer)


def later_picture(draw: Draw) -> Item:
    """A second picture comes in a later turn; asked is about either or both."""
    rng = draw.rng()
    pair = draw.world.draw_pair(rng)
    exchanges = converse_over_two_turns(rng, pair, rng.randint(2, 4), draw.tongue)
    last = exchanges[-1]
    return draw.item(messages(exchanges), pair, last.answer, grader(last, pair[1]))


def two_pictures(draw: Draw) -> Item:
    rng = draw.rng()
    pair = draw.world.draw_pair(rng)
    asked = ask_about_two(rng, pair, draw.tongue)
    return draw.item([user(asked.question, 2)], pair, asked.answer)


def no_picture(draw: Draw) -> Item:
    asked = lost_question(draw.rng(), draw.tongue)
    return draw.item([user(asked.question)], (), asked.answer)


def outside(draw: Draw) -> Item:
    """About things that training never mentions, half of them without a picture."""
    rng = draw.rng()
    shown = (draw.world.draw_scene(rng),) if rng.random() < 0.5 else ()
    asked = ask_outside(rng, draw.tongue, picture=bool(shown), unseen=True)
    return draw.item([user(asked.question, len(shown))], shown, asked.answer)


def thinking(draw: Draw) -> Item:
    """Right only if thought and answer are, word for word."""
    rng = draw.rng()
    scene = draw.world.draw_scene(rng)
    asked = talk.where_is(rng, scene, draw.tongue)
    thought = think_about_scene(scene, draw.tongue)
    expected = f"<think>{thought}</think>\n{asked.answer}"
    return draw.item([user(asked.question, 1)], (scene,), expected, thinking=True)


def messages(exchanges: list[Exchange]) -> list[Message]:
    """The conversation up to its last question; one picture comes with the first."""
    written: list[Message] = []
    for index, exchange in enumerate(exchanges):
        written.append(user(exchange.question, exchange.pictures if index else 1))
        written.append({"role": "assistant", "content": exchange.answer})
    return written[:-1]


def grader(asked: Exchange, scene: Scene) -> Grader:
    if asked.topic == "box" and asked.about is not None:
        return near_box(asked.about, scene)
    return exact(asked.answer)
