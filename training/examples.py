"""Draws the example pictures that the documentation and the tests ask about."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image

from training.talk.phrases import listed, sentence
from training.world.renderer import draw_picture
from training.world.scene import GRID, PLACES, Limits, Scene, Shape
from training.world.shape import PLAIN_STYLES, cut_shape, draw_form

PLAIN = Limits(plain=True)


@dataclass(frozen=True)
class Example:
    """A file name, the scene on it, and the seed of its details."""

    name: str
    scene: Scene
    seed: int


def scene(width: int, height: int, *shapes: tuple[str, str, str]) -> Scene:
    """Shapes as (colour, kind, place), each in the middle of its place."""
    placed = [shape_at(width, height, *shape) for shape in shapes]
    return Scene(width, height, tuple(sorted(placed, key=lambda shape: shape.cell)))


def shape_at(width: int, height: int, color: str, kind: str, place: str) -> Shape:
    cell = PLACES.index(place)
    row, column = divmod(cell, GRID)
    x, y = (column + 0.5) * width / GRID, (row + 0.5) * height / GRID
    radius = 0.38 * min(width, height) / GRID + 4
    return cut_shape(draw_form(Random(0), kind, PLAIN_STYLES), kind, color, cell, (x, y), radius)


EXAMPLES = (
    Example(
        "shapes.png",
        scene(
            336,
            224,
            ("red", "circle", "top left"),
            ("blue", "square", "center"),
            ("green", "star", "bottom right"),
        ),
        seed=1,
    ),
    Example(
        "hearts.png",
        scene(224, 224, ("purple", "heart", "top right"), ("orange", "heart", "bottom left")),
        seed=2,
    ),
    Example(
        "tall.png",
        scene(
            196,
            336,
            ("yellow", "star", "top"),
            ("blue", "cross", "left"),
            ("red", "triangle", "right"),
            ("black", "circle", "bottom"),
        ),
        seed=3,
    ),
    Example(
        "photo.jpg",
        scene(280, 196, ("green", "triangle", "left"), ("red", "heart", "top right")),
        seed=4,
    ),
)


def draw(example: Example) -> Image.Image:
    return draw_picture(Random(example.seed), example.scene, PLAIN).image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("examples"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        draw(example).save(arguments.out / example.name)
        print(f"{example.name}: {sentence(listed(example.scene.shapes))}")


if __name__ == "__main__":
    main()
