from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.training.world.test_fonts import needs_chinese
from training.examination import reading_cells
from training.examination.cells import CellMaker, Draw
from training.examination.world import WHOLE
from training.talk.tongue import Tongue
from training.world.alphabet import has_chinese
from training.world.words import Words

TONGUES = pytest.mark.parametrize("tongue", WHOLE.tongues, ids=lambda tongue: tongue.language)


def draws(maker: CellMaker, tongue: Tongue, count: int = 40) -> list:
    return [maker(Draw("cell", f"exam {seed}", WHOLE, tongue)) for seed in range(count)]


@TONGUES
@pytest.mark.parametrize(
    "maker", [reading_cells.receipt, reading_cells.dialog, reading_cells.chart]
)
def test_the_expected_answer_is_right_and_another_is_not(
    maker: Callable[[Draw], object], tongue: Tongue
) -> None:
    for item in draws(maker, tongue):
        assert item.grade(item.expected)
        assert not item.grade(item.expected + "x")
        assert item.language == tongue.language


@TONGUES
def test_latin_words_of_at_most_eight_letters_are_read_verbatim(tongue: Tongue) -> None:
    for item in draws(reading_cells.words("latin"), tongue):
        (shown,) = item.subjects
        assert isinstance(shown, Words)
        assert item.expected == shown.text
        assert not has_chinese(shown.text)
        assert all(len(word) <= 8 for word in shown.words)


@needs_chinese
def test_most_chinese_items_show_chinese() -> None:
    items = draws(reading_cells.words("chinese"), WHOLE.tongues[0])
    assert sum(has_chinese(item.expected) for item in items) > 20


def test_the_same_draw_gives_the_same_item() -> None:
    draw = Draw("cell", "exam 1", WHOLE, WHOLE.tongues[0])
    one, other = reading_cells.chart(draw), reading_cells.chart(draw)
    assert (one.messages, one.subjects, one.expected) == (
        other.messages,
        other.subjects,
        other.expected,
    )
