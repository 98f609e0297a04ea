"""The cells of printed text and of charts; every answer is graded word for word."""

from __future__ import annotations

from collections.abc import Sequence

from training.examination.cells import CellMaker, Draw
from training.examination.item import Item
from training.talk import charttalk, reading
from training.talk.chart_phrases import CHARTS
from training.talk.exchange import Exchange
from training.talk.reading_phrases import READING
from training.talk.wording import Maker
from training.world.charts import Chart, draw_chart
from training.world.dialogs import Dialog, draw_dialog
from training.world.fonts import require_chinese
from training.world.receipts import Receipt, draw_receipt
from training.world.wordlists import Script
from training.world.words import draw_words

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


def receipt(draw: Draw) -> Item:
    rng = draw.rng()
    shown = draw_receipt(rng)
    wording = READING[draw.tongue.language]
    makers = rng.sample(RECEIPT_QUESTIONS, len(RECEIPT_QUESTIONS))
    return draw.first_question(rng, shown, first([m(rng, shown, wording) for m in makers]))


def dialog(draw: Draw) -> Item:
    rng = draw.rng()
    shown = draw_dialog(rng)
    wording = READING[draw.tongue.language]
    makers = rng.sample(DIALOG_QUESTIONS, len(DIALOG_QUESTIONS))
    return draw.first_question(rng, shown, first([m(rng, shown, wording) for m in makers]))


def chart(draw: Draw) -> Item:
    rng = draw.rng()
    shown = draw_chart(rng)
    wording = CHARTS[draw.tongue.language]
    makers = rng.sample(CHART_QUESTIONS, len(CHART_QUESTIONS))
    return draw.first_question(rng, shown, first([m(rng, shown, wording) for m in makers]))


def first(asked: Sequence[Exchange | None]) -> Exchange:
    """The first of these questions that can be asked."""
    return next(exchange for exchange in asked if exchange is not None)
