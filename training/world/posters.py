"""Posters full of text, only to be looked at: a hundred characters teach more than four words."""

from __future__ import annotations

from random import Random

from PIL import Image

from training.world.alphabet import (
    CHINESE,
    LATIN,
    draw_chinese_word,
    draw_latin_word,
    draw_number,
)
from training.world.backdrop import draw_backdrop, draw_ink
from training.world.fonts import chinese_faces, nearest_size
from training.world.picture import Picture
from training.world.sheet import Sheet, face_for, turned, width
from training.world.wear import wear
from training.world.words import CHINESE_SCALE, MOST_TURN, Words, draw_x_height

SHORTEST_POSTER, LONGEST_POSTER = 140, 336  # pixels, of a side
EDGE = 8
MOST_ROWS = 16  # tried on a poster
MOST_PIECES = 16  # tried in a row
CHINESE_SHARE = 0.5  # of the rows
LONE_SHARE = 0.3  # of the pieces: characters in no order, so that rare ones are seen


def draw_poster(
    rng: Random, difficulty: float = 1.0, longest_side: int = LONGEST_POSTER
) -> tuple[Words, Picture]:
    """Rows of words in random faces and sizes, from edge to edge."""
    size = rng.randint(SHORTEST_POSTER, longest_side), rng.randint(SHORTEST_POSTER, longest_side)
    image = draw_backdrop(rng, size, difficulty)
    sheet = Sheet(Image.new("L", size))
    degrees = rng.uniform(-1, 1) * MOST_TURN * difficulty if rng.random() < 0.3 else 0.0
    top, rows = float(EDGE), []
    for _ in range(MOST_ROWS):
        # Mostly small, so that there is much to read.
        x_height = min(draw_x_height(rng, difficulty) for _ in range(3))
        bottom = top + 2.6 * x_height
        if bottom > size[1]:
            continue  # a smaller one may still fit
        rows.append(write_row(rng, sheet, top, x_height, difficulty))
        top = bottom
    mask, glyphs = sheet.image, sheet.glyphs
    if degrees:
        center = size[0] / 2, size[1] / 2
        mask = mask.rotate(degrees, Image.Resampling.BICUBIC)
        glyphs = [turned(glyph, degrees, center) for glyph in glyphs]
    image.paste(draw_ink(rng, image), mask=mask)
    inside = tuple(glyph for glyph in glyphs if is_inside(glyph.center, size))
    picture = Picture(wear(rng, image) if difficulty > 0.25 else image, glyphs=inside)
    return Words(tuple(rows)), picture


def write_row(
    rng: Random, sheet: Sheet, top: float, x_height: float, difficulty: float
) -> tuple[str, ...]:
    chinese = bool(chinese_faces()) and rng.random() < CHINESE_SHARE
    face = face_for(rng, CHINESE[0] if chinese else "a", difficulty)
    size = nearest_size(x_height * CHINESE_SCALE) if chinese else face.size_for(x_height)
    x, baseline = EDGE + rng.uniform(0, 2 * x_height), top + 1.9 * x_height
    pieces: list[str] = []
    for _ in range(MOST_PIECES):
        piece = draw_piece(rng, chinese)
        end = x + width(piece, face, size)
        if end > sheet.image.width - EDGE:
            continue  # a shorter one may still fit
        pieces.append(piece)
        sheet.write(x, baseline, piece, face, size, 255)
        x = end + rng.uniform(0.7, 1.6) * x_height
    return tuple(pieces)


def draw_piece(rng: Random, chinese: bool) -> str:
    kind = rng.random()
    if kind < LONE_SHARE:
        return "".join(rng.choices(CHINESE if chinese else LATIN, k=rng.randint(1, 4)))
    if kind < LONE_SHARE + 0.1:
        return draw_number(rng)
    return draw_chinese_word(rng, 1, 4) if chinese else draw_latin_word(rng, 2, 8)


def is_inside(center: tuple[float, float], size: tuple[int, int]) -> bool:
    return 0 <= center[0] < size[0] and 0 <= center[1] < size[1]
