"""Draws the example pictures that the documentation and the tests ask about."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image

from training.talk.phrases import listed, sentence
from training.world import palette
from training.world.appearance import Appearance, Fill, Ground, Paint
from training.world.ground import paint_ground
from training.world.outlines import draw_contours
from training.world.painters import pillow
from training.world.palette import Rgb
from training.world.scene import GRID, PLACES, Scene, Shape
from training.world.shape import Form, cut_shape

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Example:
    """A file name and its picture.

    The styles of the world grow; these pictures stand in documentation and screenshots and stay as
    they are. So nothing here is drawn by `draw_appearance`.
    """

    name: str
    scene: Scene
    appearance: Appearance


def example(name: str, size: tuple[int, int], seed: int, *shapes: tuple[str, str, str]) -> Example:
    """Shapes as (colour, kind, place) in reading order, each in the middle of its place.

    How they are turned, the tone of each colour and the ground come from the seed.
    """
    rng = Random(seed)
    placed = tuple(shape_at(rng, size, *shape) for shape in shapes)
    tones = [palette.draw_color(rng, shape.color) for shape in placed]
    ground = Ground(even(palette.light_ground(rng)), "even", seed=0)
    paints = tuple(Paint(even(tone), tone) for tone in tones)
    return Example(name, Scene(*size, placed), Appearance(ground, paints))


def shape_at(rng: Random, size: tuple[int, int], color: str, kind: str, place: str) -> Shape:
    cell = PLACES.index(place)
    row, column = divmod(cell, GRID)
    center = (column + 0.5) * size[0] / GRID, (row + 0.5) * size[1] / GRID
    form = Form(draw_contours(rng, kind), border=0.0, hollow=False)
    return cut_shape(form, kind, color, cell, center, 0.38 * min(size) / GRID + 4)


def even(color: Rgb) -> Fill:
    return Fill(color, color)


EXAMPLES = (
    example(
        "shapes.png",
        (336, 224),
        1,
        ("red", "circle", "top left"),
        ("blue", "square", "center"),
        ("green", "star", "bottom right"),
    ),
    example(
        "hearts.png",
        (224, 224),
        2,
        ("purple", "heart", "top right"),
        ("orange", "heart", "bottom left"),
    ),
    example(
        "tall.png",
        (196, 336),
        3,
        ("yellow", "star", "top"),
        ("blue", "cross", "left"),
        ("red", "triangle", "right"),
        ("black", "circle", "bottom"),
    ),
    example(
        "photo.jpg",
        (280, 196),
        4,
        ("red", "heart", "top right"),
        ("green", "triangle", "left"),
    ),
)


def draw(example: Example) -> Image.Image:
    scene = example.scene
    ground = paint_ground(example.appearance.ground, (scene.width, scene.height))
    return pillow.paint(scene, example.appearance, ground)


def save(example: Example, folder: Path) -> None:
    draw(example).save(folder / example.name, optimize=True, quality=JPEG_QUALITY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("examples"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        save(example, arguments.out)
        print(f"{example.name}: {sentence(listed(example.scene.shapes))}")


if __name__ == "__main__":
    main()
