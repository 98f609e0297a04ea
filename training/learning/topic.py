"""What samples are about: subjects, their pictures, and how to converse about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from training.talk.beyond import ask_outside
from training.talk.charttalk import converse_about_chart, think_about_chart
from training.talk.exchange import Exchange
from training.talk.latertalk import converse_over_two_turns
from training.talk.pairtalk import converse_about_two
from training.talk.reading import Text, converse_about_text, think_about_text
from training.talk.scenetalk import converse
from training.talk.smalltalk import small_talk
from training.talk.thought import (
    think_about_none,
    think_about_scene,
    think_about_two,
    think_about_unread,
)
from training.talk.tongue import Tongue
from training.talk.unread import decline
from training.world.canvas import breadth_of
from training.world.chartplots import draw_chart_picture
from training.world.charts import Chart, draw_chart
from training.world.dialogs import draw_dialog, draw_dialog_picture
from training.world.picture import Picture
from training.world.posters import LONGEST_POSTER, SHORTEST_POSTER, draw_poster
from training.world.receipts import Receipt, draw_receipt, draw_receipt_picture
from training.world.renderer import draw_picture
from training.world.scene import LONGEST_SIDE, SHORTEST_SIDE, Limits, Scene, draw_scene
from training.world.words import draw_words, draw_words_picture

OUTSIDE_SHARE = 0.05  # of the exchanges about words, dialogs and charts

Subject = Scene | Text | Chart


@dataclass(frozen=True)
class Topic:
    """What a sample is about.

    converse: so many exchanges in a language; think: one short true sentence in it.
    shared: whether all pictures come with the first question.
    """

    subjects: tuple[Subject, ...]
    pictures: tuple[Picture, ...]
    converse: Callable[[Random, int, Tongue], list[Exchange]]
    think: Callable[[Tongue], str]
    shared: bool = True


def scene_topic(rng: Random, limits: Limits) -> Topic:
    scene = draw_scene(rng, limits)
    return Topic(
        (scene,),
        (draw_picture(rng, scene, limits),),
        lambda rng, count, tongue: converse(rng, scene, count, tongue),
        lambda tongue: think_about_scene(scene, tongue),
    )


def pair_topic(rng: Random, limits: Limits) -> Topic:
    pair, pictures = draw_pair(rng, limits)
    return Topic(
        pair,
        pictures,
        lambda rng, count, tongue: converse_about_two(rng, pair, count, tongue),
        lambda tongue: think_about_two(pair, tongue),
    )


def later_topic(rng: Random, limits: Limits) -> Topic:
    """A second picture in a later turn."""
    pair, pictures = draw_pair(rng, limits)
    return Topic(
        pair,
        pictures,
        lambda rng, count, tongue: converse_over_two_turns(rng, pair, count + 1, tongue),
        lambda tongue: think_about_two(pair, tongue),
        shared=False,
    )


def small_talk_topic(rng: Random, limits: Limits) -> Topic:
    return Topic((), (), small_talk, think_about_none)


def words_topic(rng: Random, limits: Limits) -> Topic:
    hard = difficulty(limits)
    words = draw_words(rng, hard)
    return text_topic(words, draw_words_picture(rng, words, hard, breadth(limits)))


def poster_topic(rng: Random, limits: Limits) -> Topic:
    """Full of text, to be looked at."""
    side = min(max(limits.longest_side, SHORTEST_POSTER), LONGEST_POSTER)
    return text_topic(*draw_poster(rng, difficulty(limits), side))


def receipt_topic(rng: Random, limits: Limits) -> Topic:
    hard = difficulty(limits)
    receipt = draw_receipt(rng, hard)
    return text_topic(receipt, draw_receipt_picture(rng, receipt, hard, breadth(limits)))


def dialog_topic(rng: Random, limits: Limits) -> Topic:
    dialog, hard = draw_dialog(rng), difficulty(limits)
    return text_topic(dialog, draw_dialog_picture(rng, dialog, hard, breadth(limits)))


def unread_topic(rng: Random, limits: Limits) -> Topic:
    """Text or a chart, of which weights that know nothing but scenes say so."""
    shown = rng.choice((words_topic, receipt_topic, dialog_topic, chart_topic))(rng, limits)
    return replace(shown, converse=decline(shown.converse), think=think_about_unread)


def text_topic(text: Text, picture: Picture) -> Topic:
    def talk(rng: Random, count: int, tongue: Tongue) -> list[Exchange]:
        exchanges = converse_about_text(rng, text, count, tongue.language)
        if isinstance(text, Receipt):  # where one may well ask for the price of an apple
            return exchanges
        return [strayed(rng, exchange, tongue) for exchange in exchanges]

    return Topic((text,), (picture,), talk, lambda tongue: think_about_text(text, tongue.language))


def chart_topic(rng: Random, limits: Limits) -> Topic:
    hard = difficulty(limits)
    chart = draw_chart(rng, hard)
    picture = draw_chart_picture(rng, chart, hard, breadth(limits))

    def talk(rng: Random, count: int, tongue: Tongue) -> list[Exchange]:
        exchanges = converse_about_chart(rng, chart, count, tongue.language)
        return [strayed(rng, exchange, tongue) for exchange in exchanges]

    return Topic(
        (chart,), (picture,), talk, lambda tongue: think_about_chart(chart, tongue.language)
    )


def strayed(rng: Random, exchange: Exchange, tongue: Tongue) -> Exchange:
    """The exchange, or sometimes one about something outside the world instead."""
    return ask_outside(rng, tongue) if rng.random() < OUTSIDE_SHARE else exchange


def draw_pair(rng: Random, limits: Limits) -> tuple[tuple[Scene, Scene], tuple[Picture, Picture]]:
    pair = draw_scene(rng, limits), draw_scene(rng, limits)
    return pair, (draw_picture(rng, pair[0], limits), draw_picture(rng, pair[1], limits))


def difficulty(limits: Limits) -> float:
    """Of text and charts, from 0 to 1: it grows with the pictures of the curriculum."""
    if limits.plain:
        return 0.0
    return min(1.0, 2 * (limits.longest_side - SHORTEST_SIDE) / (LONGEST_SIDE - SHORTEST_SIDE))


def breadth(limits: Limits) -> float:
    """Of pictures of text and charts, see `canvas`."""
    return breadth_of(limits.longest_side)


TOPICS: dict[str, Callable[[Random, Limits], Topic]] = {
    "scene": scene_topic,
    "pair": pair_topic,
    "later": later_topic,
    "small_talk": small_talk_topic,
    "words": words_topic,
    "poster": poster_topic,
    "receipt": receipt_topic,
    "dialog": dialog_topic,
    "chart": chart_topic,
    "unread": unread_topic,
}
