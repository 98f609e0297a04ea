"""What a picture shows: coloured shapes, each in a cell of its own in a three by three grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

KINDS = ("circle", "square", "triangle", "star", "heart", "cross")
COLORS = ("red", "green", "blue", "yellow", "purple", "orange", "black")
# In reading order; a place's index is its cell.
PLACES = (
    *("top left", "top", "top right"),
    *("left", "center", "right"),
    *("bottom left", "bottom", "bottom right"),
)
GRID = 3

SMALLEST_SHAPE = 24  # pixels across
SHORTEST_SIDE = 112  # pixels
LONGEST_SIDE = 448  # pixels
# A centre stays this share of a cell away from the cell's borders: its place is beyond doubt.
AMBIGUITY_MARGIN = 0.2
GAP = 2.0  # pixels between two shapes, and between a shape and the edge of the picture


@dataclass(frozen=True)
class Shape:
    """One shape; centre and radius of its circumscribed circle in pixels."""

    kind: str
    color: str
    cell: int
    x: float
    y: float
    radius: float

    @property
    def place(self) -> str:
        return PLACES[self.cell]

    @property
    def name(self) -> str:
        return f"{self.color} {self.kind}"


@dataclass(frozen=True)
class Scene:
    """Shapes in reading order on a picture of `width` × `height` pixels."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Limits:
    """How rich the drawn scenes may be; a curriculum widens them."""

    most_shapes: int = 4
    longest_side: int = LONGEST_SIDE
    plain: bool = False  # flat fills on light ground, nothing blurred


def draw_size(rng: Random, longest: int) -> tuple[int, int]:
    """Width and height; small is frequent, and no side is more than twice the other."""
    long = SHORTEST_SIDE * (longest / SHORTEST_SIDE) ** (rng.random() ** 1.5)
    short = max(SHORTEST_SIDE, long / rng.uniform(1, 2))
    sides = (round(long), round(short))
    return sides if rng.random() < 0.5 else (sides[1], sides[0])


def draw_scene(rng: Random, limits: Limits) -> Scene:
    width, height = draw_size(rng, limits.longest_side)
    count = rng.randint(1, limits.most_shapes)
    while True:
        cells = sorted(rng.sample(range(GRID * GRID), count))
        shapes = place_shapes(rng, width, height, cells)
        if shapes is not None:
            return Scene(width, height, shapes)


def place_shapes(
    rng: Random, width: int, height: int, cells: list[int]
) -> tuple[Shape, ...] | None:
    """Shapes of random kind and colour in these cells, or None if there is no room."""
    centers = [draw_center(rng, width, height, cell) for cell in cells]
    rooms = [room(index, centers, width, height) for index in range(len(cells))]
    if min(rooms) < SMALLEST_SHAPE / 2:
        return None
    return tuple(
        Shape(rng.choice(KINDS), rng.choice(COLORS), cell, *center, draw_radius(rng, space))
        for cell, center, space in zip(cells, centers, rooms, strict=True)
    )


def draw_center(rng: Random, width: int, height: int, cell: int) -> tuple[float, float]:
    row, column = divmod(cell, GRID)
    inside = (rng.uniform(AMBIGUITY_MARGIN, 1 - AMBIGUITY_MARGIN) for _ in range(2))
    return (column + next(inside)) * width / GRID, (row + next(inside)) * height / GRID


def room(index: int, centers: list[tuple[float, float]], width: int, height: int) -> float:
    """The largest radius at a centre: half the way to each other shape, and to the edges."""
    x, y = centers[index]
    edges = min(x, y, width - x, height - y) - GAP
    others = (math.dist((x, y), other) for i, other in enumerate(centers) if i != index)
    return min([edges, *((distance - GAP) / 2 for distance in others)])


def draw_radius(rng: Random, space: float) -> float:
    smallest = max(SMALLEST_SHAPE / 2, 0.45 * space)
    return rng.uniform(smallest, space)
