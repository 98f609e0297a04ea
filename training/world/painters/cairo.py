"""Paints SVG with cairo, as PlutoPrint brings it along."""

from __future__ import annotations

import itertools

import numpy as np
import plutoprint
from PIL import Image

from training.world.appearance import Appearance
from training.world.painters.markup import document, shadowed
from training.world.scene import Scene


def paint(scene: Scene, appearance: Appearance, ground: Image.Image) -> Image.Image:
    width, height = ground.size
    shapes = map(shadowed, itertools.count(), scene.shapes, appearance.paints)
    book = plutoprint.Book(page_size(width, height), plutoprint.PAGE_MARGINS_NONE)
    book.load_xml(document((0, 0, width, height), shapes))
    # cairo's words of 32 bits lie in memory as blue, green, red and opacity.
    pixels = np.array(ground.convert("RGBA"))[..., [2, 1, 0, 3]].copy()
    canvas = plutoprint.ImageCanvas.create_for_data(
        pixels.data, width, height, 4 * width, plutoprint.IMAGE_FORMAT_ARGB32
    )
    book.render_document(canvas)
    canvas.finish()
    return Image.fromarray(pixels[..., 2::-1].copy())


def page_size(width: int, height: int) -> plutoprint.PageSize:
    return plutoprint.PageSize(width * plutoprint.UNITS_PX, height * plutoprint.UNITS_PX)
