"""The cells of printed text and of charts; every answer is graded word for word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from training.examination.cells import CellMaker, Draw
from training.examination.item import Item, exact
from training.talk import charttalk, reading
from training.talk.chart_phrases import CHARTS
from training.talk.exchange import Exchange
from training.talk.language import Language
from training.talk.reading_phrases import READING
from training.talk.wording import Maker, Wording
from training.world.charts import Chart, draw_chart
from training.world.dialogs import Dialog, draw_dialog
from training.world.fonts import require_chinese
from training.world.receipts import Receipt, draw_receipt
from training.world.wordlists import Script
from training.world.words import draw_words

Shown = TypeVar("Shown", Receipt, Dialog, Chart)

RECEIPT_QUESTIONS: tuple[Maker[Receipt], ...] = (
    reading.total,
    reading.price,
    reading.shop,
    reading.count_items,
    reading.dearest,
)
DIALOG_QUESTIONS: tuple[Maker[Dialog], ...] = (
    reading.title,
    reading.message,
    reading.buttons,
    reading.has_button,
)
CHART_QUESTIONS: tuple[Maker[Chart], ...] = (
    charttalk.largest,
    charttalk.smallest,
    charttalk.value,
    charttalk.title,
    charttalk.count,
    charttalk.kind,
)


def words(script: Script) -> CellMaker:
    """Reading one to four words of Latin letters or Chinese characters, and numbers."""

    def make(draw: Draw) -> Item:
        if script == "chinese":
            require_chinese()
        rng = draw.rng()
        shown = draw_words(rng, script=script)
        asked = reading.read(rng, shown, READING[draw.tongue.language])
        assert asked is not None
        return draw.first_question(rng, shown, asked)

    return make


def about(
    draw_subject: Callable[[Random], Shown],
    makers: Sequence[Maker[Shown]],
    wordings: Mapping[Language, Wording],
) -> CellMaker:
    """One of these questions about what is shown, as far as it can be asked."""

    def make(draw: Draw) -> Item:
        rng = draw.rng()
        shown = draw_subject(rng)
        wording = wordings[draw.tongue.language]
        asked = [maker(rng, shown, wording) for maker in rng.sample(makers, len(makers))]
        return draw.first_question(rng, shown, first(asked))

    return make


receipt = about(draw_receipt, RECEIPT_QUESTIONS, READING)
dialog = about(draw_dialog, DIALOG_QUESTIONS, READING)
chart = about(draw_chart, CHART_QUESTIONS, CHARTS)


def unread(draw: Draw) -> Item:
    """Text or a chart before weights that know nothing but scenes."""
    make = draw.rng().choice((words("latin"), words("chinese"), receipt, dialog, chart))
    item = make(draw)
    declined = draw.tongue.say("outside")
    return replace(item, expected=declined, grade=exact(declined))


def first(asked: Sequence[Exchange | None]) -> Exchange:
    """The first of these questions that can be asked."""
    return next(exchange for exchange in asked if exchange is not None)
