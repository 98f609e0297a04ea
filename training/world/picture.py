"""A drawn picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from training.world.outlines import Box, Point


class Glyph(NamedTuple):
    """A printed character. center: on the middle of its line; box: around its ink; in pixels."""

    character: str
    center: Point
    box: Box


@dataclass(frozen=True)
class Picture:
    """What every renderer gives back.

    outlines: for each shape of the scene, in its order, a polygon in pixels; empty where a picture
    has no shapes. The exact box of a shape is `Shape.box`, known before anything is drawn.
    glyphs: the printed characters without spaces, in reading order; None where nobody knows them.
    """

    image: Image.Image
    outlines: tuple[list[Point], ...] = ()
    glyphs: tuple[Glyph, ...] | None = ()
