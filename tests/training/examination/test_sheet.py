from __future__ import annotations

from PIL import Image

from training.build import MODEL_FOLDER
from training.examination.answering import Prompt, user
from training.examination.item import Item, exact
from training.examination.sheet import (
    COLUMNS,
    TILE,
    Answered,
    boxed,
    choose,
    draw_sheet,
    font_for,
    wrapped,
)
from training.examination.sheet import (
    PICTURE as PIECE,
)

PICTURE = Image.new("RGB", (200, 100), "red")


def answered(cell: str, answer: str, pictures: int = 1) -> Answered:
    messages = [user("What color?", pictures)]
    item = Item(cell, "en", messages, (), "seed", "Red.", exact("Red."))
    return Answered(item, Prompt(messages, (PICTURE,) * pictures), answer)


def test_half_of_the_sheet_is_wrong_where_enough_is() -> None:
    many = [answered("color", "Red.")] * 20 + [answered("color", "Blue.")] * 20
    few = [answered("color", "Red.")] * 20 + [answered("color", "Blue.")] * 2
    assert [one.right for one in choose(many, 8)].count(False) == 4
    assert [one.right for one in choose(few, 8)].count(False) == 2
    assert len(choose(few, 8)) == 8


def test_cells_take_turns() -> None:
    ordered = [answered("color", "Red.")] * 5 + [answered("shape", "Red.")] * 5
    assert [one.item.cell for one in choose(ordered, 4)] == ["color", "shape", "color", "shape"]


def test_answers_without_a_picture_are_not_shown() -> None:
    assert choose([answered("no picture", "Red.", pictures=0)], 8) == []


def test_sheet_has_a_row_for_every_few_tiles() -> None:
    sheet = draw_sheet([answered("color", "Red.")] * (COLUMNS + 1))
    assert sheet.size == (COLUMNS * TILE[0], 2 * TILE[1])


def test_long_text_is_wrapped_and_cut() -> None:
    text = "a rather long sentence of several words " * 5
    lines = wrapped(text, font_for(text), most=2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert all(len(line) > 10 for line in lines)
    assert all(font_for(text).getlength(line) <= PIECE[0] for line in lines)


def test_an_answered_box_is_drawn_into_the_picture() -> None:
    (drawn,) = boxed(answered("box", "<|begin_of_box|>[500,500,900,900]<|end_of_box|>"))
    assert drawn.getpixel((100, 60)) == (0xC6, 0x28, 0x28)
    assert drawn.getpixel((50, 25)) == (255, 0, 0)
    assert PICTURE.getpixel((100, 60)) == (255, 0, 0)


def test_the_picture_of_the_model_card_has_all_its_colors() -> None:
    # With a palette of a few colours an orange star becomes a red one.
    with Image.open(MODEL_FOLDER / "answers.png") as card:
        assert card.mode == "RGB"
