"""Draws a scene with one of several painters, in many styles."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from PIL import Image

from training.world.appearance import Appearance, draw_appearance
from training.world.ground import paint_ground
from training.world.painters import agg, cairo, pillow, resvg
from training.world.picture import Picture
from training.world.scene import Limits, Scene
from training.world.wear import wear

Painter = Callable[[Scene, Appearance, Image.Image], Image.Image]
PAINTERS: dict[str, tuple[Painter, float]] = {
    "pillow": (pillow.paint, 0.3),
    "cairo": (cairo.paint, 0.35),
    "resvg": (resvg.paint, 0.15),
    "agg": (agg.paint, 0.2),
}


def draw_picture(rng: Random, scene: Scene, limits: Limits, painter: str | None = None) -> Picture:
    """Every detail that `scene` leaves open comes from `rng`; without a name any painter draws."""
    names = list(PAINTERS)
    (drawn,) = rng.choices(names, [PAINTERS[name][1] for name in names])
    paint, _ = PAINTERS[painter or drawn]
    appearance = draw_appearance(rng, scene, limits.plain)
    ground = paint_ground(appearance.ground, (scene.width, scene.height))
    image = paint(scene, appearance, ground)
    outlines = tuple(shape.outline for shape in scene.shapes)
    return Picture(image if limits.plain else wear(rng, image), outlines)
