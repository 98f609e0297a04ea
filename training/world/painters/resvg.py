"""Paints SVG with resvg, each shape in a document of its own."""

from __future__ import annotations

import io
import math

import resvg_py
from PIL import Image

from training.world.appearance import Appearance, Shadow
from training.world.painters.markup import document, shadowed
from training.world.scene import Scene
from training.world.shape import Shape


def paint(scene: Scene, appearance: Appearance, ground: Image.Image) -> Image.Image:
    canvas = ground.copy()
    for shape, paint in zip(scene.shapes, appearance.paints, strict=True):
        around = region(shape, paint.shadow)
        drawn = rasterized(document(around, [shadowed(0, shape, paint)]))
        canvas.paste(drawn, around[:2], drawn)
    return canvas


def rasterized(text: str) -> Image.Image:
    """RGBA. NOTE: its time grows with the area, so only what is needed is drawn."""
    return Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True)))


def region(shape: Shape, shadow: Shadow | None) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in whole pixels of all that a shape and its shadow cover."""
    left, top, right, bottom = shape.box
    reach = 1.0
    if shadow is not None:
        reach += 2 * shadow.blur + max(abs(shadow.across), abs(shadow.down))
    return (
        math.floor(left - reach),
        math.floor(top - reach),
        math.ceil(right + reach),
        math.ceil(bottom + reach),
    )
