from __future__ import annotations

from random import Random

import pytest

from tests.training.world.printed import assert_boxes_hold_ink, spelt, without_spaces
from tests.training.world.test_fonts import needs_chinese
from training.world.dialogs import (
    MOST_BUTTONS,
    WIDEST_TEXT,
    Dialog,
    draw_dialog,
    draw_dialog_picture,
    draw_look,
    wrapped,
)
from training.world.sheet import width

LONG = Dialog("Error", "The file abcdef.txt does not exist on the server Kiwi.", ("OK", "Help"))


def test_text_is_title_message_and_buttons() -> None:
    assert LONG.text.split("\n") == ["Error", LONG.message, "OK Help"]


def test_messages_leave_no_gap_open() -> None:
    for seed in range(300):
        dialog = draw_dialog(Random(seed), "latin")
        assert not set("{}") & set(dialog.message)
        assert 1 <= len(set(dialog.buttons)) == len(dialog.buttons) <= MOST_BUTTONS


def test_a_long_message_is_wrapped_and_complete() -> None:
    look = draw_look(Random(0), chinese=False, difficulty=1.0)
    rows = wrapped(LONG.message, look)
    assert len(rows) > 1
    assert " ".join(rows) == LONG.message
    assert all(width(row, look.face, look.size) <= WIDEST_TEXT for row in rows)


@pytest.mark.parametrize("seed", range(25))
def test_picture_spells_the_dialog(seed: int) -> None:
    dialog = draw_dialog(Random(f"dialog {seed}"), "latin")
    picture = draw_dialog_picture(Random(seed), dialog)
    assert spelt(picture) == without_spaces(dialog.text)
    assert_boxes_hold_ink(picture)


@needs_chinese
@pytest.mark.parametrize("seed", range(10))
def test_picture_spells_a_chinese_dialog(seed: int) -> None:
    dialog = draw_dialog(Random(f"dialog {seed}"), "chinese")
    picture = draw_dialog_picture(Random(seed), dialog)
    assert spelt(picture) == without_spaces(dialog.text)
    assert_boxes_hold_ink(picture)
