"""Pictures of one to four printed words or numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from PIL import Image

from training.world.alphabet import (
    draw_chinese_word,
    draw_latin_word,
    draw_number,
    has_chinese,
)
from training.world.backdrop import draw_backdrop, draw_ink
from training.world.canvas import draw_canvas_size, longest_side
from training.world.fonts import SIZES, Face, chinese_faces, load, nearest_size
from training.world.picture import Picture
from training.world.sheet import Sheet, face_for, turned
from training.world.wear import wear
from training.world.wordlists import Script

MOST_WORDS = 4
MOST_ON_A_LINE = 16  # characters
MOST_TURN = 10.0  # degrees
LARGEST_X_HEIGHT = 40.0  # pixels
SMALLEST_X_HEIGHT = 10.0
CHINESE_SCALE = 2.1  # the size of Chinese text for an x-height of 1
EDGE = 10  # pixels of ground around a block of text, at least
CHINESE_SHARE = 0.35
NUMBER_SHARE = 0.25


@dataclass(frozen=True)
class Words:
    """Printed lines of words, in reading order."""

    lines: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """The words of a line are separated by a space, lines by a line break."""
        return "\n".join(" ".join(line) for line in self.lines)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for line in self.lines for word in line)


def draw_words(rng: Random, difficulty: float = 1.0, script: Script | None = None) -> Words:
    """Words of one script, and numbers. `difficulty` from 0 to 1 adds words and length."""
    if script is None:
        chinese = bool(chinese_faces()) and rng.random() < CHINESE_SHARE
        script = "chinese" if chinese else "latin"
    count = rng.randint(1, 1 + round(difficulty * (MOST_WORDS - 1)))
    words = [draw_word(rng, difficulty, script) for _ in range(count)]
    return Words(tuple(broken(rng, words)))


def draw_word(rng: Random, difficulty: float, script: Script) -> str:
    if rng.random() < NUMBER_SHARE:
        return draw_number(rng)
    if script == "chinese":
        return draw_chinese_word(rng, 1, 2 + round(2 * difficulty))
    return draw_latin_word(rng, 2, 4 + round(4 * difficulty))


def broken(rng: Random, words: list[str]) -> list[tuple[str, ...]]:
    """The words in lines, none too long."""
    lines: list[tuple[str, ...]] = []
    for word in words:
        joined = " ".join((*lines[-1], word)) if lines else ""
        if lines and len(joined) <= MOST_ON_A_LINE and rng.random() < 0.5:
            lines[-1] = (*lines[-1], word)
        else:
            lines.append((word,))
    return lines


@dataclass(frozen=True)
class Line:
    """A line that is set: its text in a face, at a size, with its extent in pixels."""

    text: str
    face: Face
    size: int
    width: float
    height: float


def set_line(rng: Random, text: str, x_height: float, difficulty: float) -> Line:
    face = face_for(rng, text, difficulty)
    chinese = has_chinese(text)
    size = nearest_size(x_height * CHINESE_SCALE) if chinese else face.size_for(x_height)
    return Line(text, face, size, load(face, size).getlength(text), 1.15 * size)


def draw_x_height(rng: Random, difficulty: float) -> float:
    """Large letters at first; later of any size, in equal shares of each doubling."""
    smallest = 24 - (24 - SMALLEST_X_HEIGHT) * difficulty
    return float(smallest * (LARGEST_X_HEIGHT / smallest) ** rng.random())


def draw_words_picture(
    rng: Random, words: Words, difficulty: float = 1.0, breadth: float = 1.0
) -> Picture:
    """A picture of these words, at least SMALLEST_X_HEIGHT high."""
    degrees = rng.uniform(-1, 1) * MOST_TURN * difficulty if rng.random() < 0.5 else 0.0
    x_height = draw_x_height(rng, difficulty)
    lines = [set_line(rng, " ".join(line), x_height, difficulty) for line in words.lines]
    block = block_size(lines)
    reach = turned_size(block, degrees)
    scale = min(1.0, (longest_side(breadth) - 2 * EDGE) / max(reach))
    if scale < 1:
        # The same faces, smaller; what is allowed to be printed fits at the smallest size.
        lines = [resized(line, scale) for line in lines]
        block = block_size(lines)
        reach = turned_size(block, degrees)
    size = draw_canvas_size(rng, (reach[0] + 2 * EDGE, reach[1] + 2 * EDGE), breadth)
    return print_block(rng, lines, size, reach, degrees, difficulty)


def resized(line: Line, scale: float) -> Line:
    size = max(known for known in SIZES if known <= line.size * scale)
    width = load(line.face, size).getlength(line.text)
    return Line(line.text, line.face, size, width, 1.15 * size)


def block_size(lines: list[Line]) -> tuple[float, float]:
    return max(line.width for line in lines), sum(line.height for line in lines)


def turned_size(size: tuple[float, float], degrees: float) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(degrees)), abs(math.sin(math.radians(degrees)))
    return size[0] * cos + size[1] * sin, size[0] * sin + size[1] * cos


def draw_center(rng: Random, extent: float, side: int) -> float:
    nearest = extent / 2 + EDGE / 2
    return rng.uniform(nearest, side - nearest)


def print_block(
    rng: Random,
    lines: list[Line],
    size: tuple[int, int],
    reach: tuple[float, float],
    degrees: float,
    difficulty: float,
) -> Picture:
    """Somewhere on a picture of `size`; `reach` is the extent of the turned block."""
    block = block_size(lines)
    image = draw_backdrop(rng, size, difficulty)
    center = draw_center(rng, reach[0], size[0]), draw_center(rng, reach[1], size[1])
    sheet = Sheet(Image.new("L", size))
    left, baseline = center[0] - block[0] / 2, center[1] - block[1] / 2
    align = rng.choice((0.0, 0.5, 0.5, 1.0))
    for line in lines:
        x = left + align * (block[0] - line.width)
        sheet.write(x, baseline + 0.86 * line.size, line.text, line.face, line.size, 255)
        baseline += line.height
    mask, glyphs = sheet.image, sheet.glyphs
    if degrees:
        mask = mask.rotate(degrees, Image.Resampling.BICUBIC, center=center)
        glyphs = [turned(glyph, degrees, center) for glyph in glyphs]
    image.paste(draw_ink(rng, image), mask=mask)
    return Picture(wear(rng, image) if difficulty > 0.25 else image, glyphs=tuple(glyphs))
