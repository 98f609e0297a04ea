"""A contact sheet: pictures with questions, and right and wrong answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from training.examination.answering import Prompt
from training.examination.item import Item
from training.talk.box import SCALE, read_box
from training.world.fonts import chinese_faces, latin_faces, load

COLUMNS = 4
TILE = (300, 300)  # pixels
PICTURE = (276, 168)  # at most
EDGE = 12
SIZE = 14  # pixels an em
LINE = 19
INK, RIGHT, WRONG, GROUND = "#202020", "#1a7f37", "#c62828", "#ffffff"
FRAME = "#d0d0d0"


class Answered(NamedTuple):
    item: Item
    prompt: Prompt
    answer: str

    @property
    def right(self) -> bool:
        return self.item.grade(self.answer)


def choose(answered: Sequence[Answered], tiles: int) -> list[Answered]:
    """Half right and half wrong where there are enough of both, from as many cells as possible."""
    right = spread([one for one in answered if one.right and one.prompt.images])
    wrong = spread([one for one in answered if not one.right and one.prompt.images])
    wrongs = min(len(wrong), tiles // 2)
    return right[: tiles - wrongs] + wrong[:wrongs]


def spread(answered: Sequence[Answered]) -> list[Answered]:
    """First one of each cell and language, then a second one, and so on."""
    seen: dict[tuple[str, str], int] = {}
    rounds = []
    for one in answered:
        key = (one.item.cell, one.item.language)
        seen[key] = seen.get(key, 0) + 1
        rounds.append(seen[key])
    order = sorted(range(len(answered)), key=rounds.__getitem__)
    return [answered[index] for index in order]


def draw_sheet(answered: Sequence[Answered]) -> Image.Image:
    rows = -(-len(answered) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE[0], rows * TILE[1]), GROUND)
    for index, one in enumerate(answered):
        row, column = divmod(index, COLUMNS)
        sheet.paste(draw_tile(one), (column * TILE[0], row * TILE[1]))
    return sheet


def draw_tile(one: Answered) -> Image.Image:
    tile = Image.new("RGB", TILE, GROUND)
    draw = ImageDraw.Draw(tile)
    draw.rectangle((4, 4, TILE[0] - 5, TILE[1] - 5), outline=FRAME)
    tile.paste(side_by_side(boxed(one)), (EDGE, EDGE))
    lines = Lines(draw, EDGE + PICTURE[1] + 8)
    lines.write(question_of(one.item), INK, most=3)
    lines.write(one.answer, RIGHT if one.right else WRONG, most=2)
    if not one.right:
        lines.write(one.item.expected, INK, most=2)
    return tile


def question_of(item: Item) -> str:
    """The last question."""
    parts = item.messages[-1]["content"]
    return str(next(part["text"] for part in parts if part["type"] == "text"))


def boxed(one: Answered) -> list[Image.Image]:
    """The pictures, on the last one the box that was answered."""
    *before, last = one.prompt.images
    box = read_box(one.answer)
    if box is None:
        return [*before, last]
    last = last.copy()
    left, right = sorted((box[0], box[2]))
    top, bottom = sorted((box[1], box[3]))
    across, down = last.width / SCALE, last.height / SCALE
    corners = (left * across, top * down, right * across, bottom * down)
    ImageDraw.Draw(last).rectangle(corners, outline=RIGHT if one.right else WRONG, width=3)
    return [*before, last]


def side_by_side(images: Sequence[Image.Image]) -> Image.Image:
    width = PICTURE[0] // len(images)
    strip = Image.new("RGB", PICTURE, GROUND)
    for index, image in enumerate(images):
        small = image.copy()
        small.thumbnail((width - 4 * (len(images) > 1), PICTURE[1]))
        strip.paste(small, (index * width, 0))
    return strip


@dataclass
class Lines:
    """Text written from `top` on, downwards."""

    draw: ImageDraw.ImageDraw
    top: int

    def write(self, text: str, color: str, most: int) -> None:
        font = font_for(text)
        for line in wrapped(text.replace("\n", " / "), font, most):
            self.top += LINE
            self.draw.text((EDGE, self.top), line, color, font, anchor="ls")


def font_for(text: str) -> ImageFont.FreeTypeFont:
    """One that has all characters, where this machine has one."""
    faces = latin_faces() if text.isascii() else chinese_faces() or latin_faces()
    return load(faces[0], SIZE)


def wrapped(text: str, font: ImageFont.FreeTypeFont, most: int) -> list[str]:
    """Lines that fit, at most so many; words are kept together where there are spaces."""
    lines = [""]
    for word in words(text):
        if font.getlength((lines[-1] + word).rstrip()) > PICTURE[0]:
            lines.append("")
        lines[-1] += word
    if len(lines) > most:
        lines = [*lines[: most - 1], shortened(lines[most - 1], font)]
    return [line.strip() for line in lines]


def shortened(line: str, font: ImageFont.FreeTypeFont) -> str:
    """The line with a sign behind it that something is left out."""
    while font.getlength(line + "…") > PICTURE[0]:
        line = line[:-1]
    return line + "…"


def words(text: str) -> list[str]:
    """Pieces between which a line may end: behind spaces, and around characters beyond ASCII."""
    pieces = [""]
    for character in text:
        if not character.isascii():
            pieces += [character, ""]
        else:
            pieces[-1] += character
            if character in " ,":
                pieces.append("")
    return [piece for piece in pieces if piece]
