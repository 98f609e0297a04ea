"""An image that remembers where each character was written."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw

from training.world.alphabet import has_chinese
from training.world.fonts import Face, chinese_faces, draw_face, latin_faces, load
from training.world.outlines import Box
from training.world.palette import Rgb
from training.world.picture import Glyph

MIDDLE = 0.3  # of the size, above the baseline: the middle of a line of text


@lru_cache(maxsize=100_000)
def ink(face: Face, size: int, character: str) -> Box:
    """What a character covers, in pixels from its origin on the baseline."""
    left, top, right, bottom = load(face, size).getbbox(character, anchor="ls")
    return left, top, right, bottom


@lru_cache(maxsize=100_000)
def advance(face: Face, size: int, before: str, character: str) -> float:
    """How far the pen moves for a character that follows another, with their kerning."""
    font = load(face, size)
    return font.getlength(before + character) - (font.getlength(before) if before else 0.0)


class Sheet:
    """Text on an image. Baselines and positions are in pixels; glyphs are in writing order."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self.draw = ImageDraw.Draw(image)
        self.glyphs: list[Glyph] = []

    def write(
        self, x: float, baseline: float, text: str, face: Face, size: int, fill: Rgb | int,
        anchor: str = "l",
    ) -> None:  # fmt: skip
        """Writes one line; `anchor` says which end of it is at x: l, m or r."""
        font = load(face, size)
        shift = {"l": 0.0, "m": 0.5, "r": 1.0}[anchor]
        # Whole pixels, because that is where Pillow puts the first character.
        x, baseline = round(x - shift * font.getlength(text)), round(baseline)
        self.draw.text((x, baseline), text, fill=fill, font=font, anchor="ls")
        end, before = float(x), ""
        for character in text:
            end, before = end + advance(face, size, before, character), character
            if not character.isspace():
                start = end - advance(face, size, "", character)
                self.glyphs.append(glyph_at(start, baseline, character, face, size))


def glyph_at(x: float, baseline: float, character: str, face: Face, size: int) -> Glyph:
    """A character whose origin is at x."""
    left, top, right, bottom = ink(face, size, character)
    box = (x + left, baseline + top, x + right, baseline + bottom)
    return Glyph(character, ((box[0] + box[2]) / 2, baseline - MIDDLE * size), box)


def width(text: str, face: Face, size: int) -> float:
    return load(face, size).getlength(text)


def turned(glyph: Glyph, degrees: float, around: tuple[float, float]) -> Glyph:
    """Where a character is after a turn against the clock; its box then bounds the turned one."""
    angle = math.radians(-degrees)
    cos, sin = math.cos(angle), math.sin(angle)

    def turn(x: float, y: float) -> tuple[float, float]:
        x, y = x - around[0], y - around[1]
        return around[0] + x * cos - y * sin, around[1] + x * sin + y * cos

    left, top, right, bottom = glyph.box
    corners = [turn(x, y) for x in (left, right) for y in (top, bottom)]
    xs, ys = zip(*corners, strict=True)
    return Glyph(glyph.character, turn(*glyph.center), (min(xs), min(ys), max(xs), max(ys)))


def moved(glyph: Glyph, x: float, y: float) -> Glyph:
    left, top, right, bottom = glyph.box
    center = glyph.center[0] + x, glyph.center[1] + y
    return Glyph(glyph.character, center, (left + x, top + y, right + x, bottom + y))


def face_for(rng: Random, text: str, difficulty: float) -> Face:
    """A face that has the characters of this text."""
    faces = chinese_faces() if has_chinese(text) else latin_faces()
    return draw_face(rng, faces, difficulty)
