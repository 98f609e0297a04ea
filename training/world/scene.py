"""What a picture shows: coloured shapes, each in a cell of its own in a three by three grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from training.world.outlines import Point
from training.world.overlap import MOST_HIDDEN, hidden_share, overlapping_pairs
from training.world.shape import (
    COLORS,
    KINDS,
    PLACES,
    PLAIN_STYLES,
    SMALLEST_SHAPE,
    STYLES,
    Shape,
    cut_shape,
    draw_form,
)

__all__ = ["COLORS", "KINDS", "PLACES", "Limits", "Scene", "Shape", "draw_scene"]

GRID = 3
SHORTEST_SIDE = 112  # pixels
LONGEST_SIDE = 672  # pixels
MOST_ELONGATED = 3.0  # the longer side through the shorter one
SMALL_PICTURE = 168  # pixels of the longer side; below it there is room for fewer shapes
MOST_IN_SMALL = 3
# A centre stays this share of a cell away from the cell's borders: its place is beyond doubt.
AMBIGUITY_MARGIN = 0.2
FULLNESS = 0.45  # a radius is at least this share of the room around its centre
GAP = 2.0  # pixels between two shapes, and between a shape and the edge of the picture

OVERLAP_SHARE = 0.12  # of the pictures with several shapes
OVERLAP_TRIES = 30  # in long pictures hardly anything is near enough
OVERLAP_REACH = 1.5  # how much farther than halfway to its neighbour a shape may reach there
OVERLAP_FULLNESS = 0.8


@dataclass(frozen=True)
class Scene:
    """Shapes in reading order on a picture of `width` × `height` pixels; later ones lie on top."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Limits:
    """How rich the drawn scenes may be; a curriculum widens them."""

    most_shapes: int = 5
    longest_side: int = LONGEST_SIDE
    plain: bool = False  # flat fills on even ground, nothing blurred, turned into strokes or hidden
    kinds: tuple[str, ...] = KINDS
    colors: tuple[str, ...] = COLORS
    overlap_share: float = OVERLAP_SHARE  # of the pictures with several shapes
    most_elongated: float = MOST_ELONGATED  # the longer side through the shorter one


# What the first weights of sightline-nano were taught.
SMALL_LIMITS = Limits(
    most_shapes=4,
    longest_side=448,
    kinds=KINDS[:6],
    colors=COLORS[:7],
    overlap_share=0.0,
    most_elongated=2.0,
)


def draw_size(rng: Random, limits: Limits) -> tuple[int, int]:
    """Width and height; small and nearly square are frequent."""
    long = SHORTEST_SIDE * (limits.longest_side / SHORTEST_SIDE) ** (rng.random() ** 1.5)
    short = max(SHORTEST_SIDE, long / (1 + (limits.most_elongated - 1) * rng.random() ** 2))
    sides = (math.floor(long), math.ceil(short))
    return sides if rng.random() < 0.5 else (sides[1], sides[0])


def draw_scene(rng: Random, limits: Limits) -> Scene:
    width, height = draw_size(rng, limits)
    most = limits.most_shapes
    if max(width, height) < SMALL_PICTURE:
        most = min(most, MOST_IN_SMALL)
    count = rng.randint(1, most)
    tries = 0
    if count > 1 and not limits.plain and rng.random() < limits.overlap_share:
        tries = OVERLAP_TRIES
    while True:
        overlapping, tries = tries > 0, tries - 1
        shapes = place_shapes(rng, limits, (width, height), count, overlapping)
        if shapes is not None and (not overlapping or overlap_well(shapes)):
            return Scene(width, height, shapes)


def place_shapes(
    rng: Random, limits: Limits, size: tuple[int, int], count: int, overlapping: bool
) -> tuple[Shape, ...] | None:
    """Shapes of random kind and colour in different cells, or None if there is no room."""
    cells = sorted(rng.sample(range(GRID * GRID), count))
    centers = [draw_center(rng, *size, cell) for cell in cells]
    reach, least = (OVERLAP_REACH, OVERLAP_FULLNESS) if overlapping else (1.0, FULLNESS)
    rooms = [room(index, centers, *size, reach) for index in range(count)]
    if min(rooms) < SMALLEST_SHAPE / 2:
        return None
    styles = PLAIN_STYLES if limits.plain or overlapping else STYLES
    kinds = rng.choices(limits.kinds, k=count)
    forms = [draw_form(rng, kind, styles) for kind in kinds]
    if any(form.least_radius() > space for form, space in zip(forms, rooms, strict=True)):
        return None
    radii = [
        rng.uniform(max(form.least_radius(), least * space), space)
        for form, space in zip(forms, rooms, strict=True)
    ]
    colors = rng.choices(limits.colors, k=count)
    return tuple(map(cut_shape, forms, kinds, colors, cells, centers, radii))


def draw_center(rng: Random, width: int, height: int, cell: int) -> Point:
    row, column = divmod(cell, GRID)
    inside = (rng.uniform(AMBIGUITY_MARGIN, 1 - AMBIGUITY_MARGIN) for _ in range(2))
    return (column + next(inside)) * width / GRID, (row + next(inside)) * height / GRID


def room(index: int, centers: list[Point], width: int, height: int, reach: float) -> float:
    """The largest radius at a centre: half the way to each other shape, and to the edges."""
    x, y = centers[index]
    edges = min(x, y, width - x, height - y) - GAP
    others = (math.dist((x, y), other) for i, other in enumerate(centers) if i != index)
    return min([edges, *(reach * (distance - GAP) / 2 for distance in others)])


def overlap_well(shapes: tuple[Shape, ...]) -> bool:
    """Some shapes meet; where they do, enough of each is seen, and their colours differ."""
    pairs = [(shapes[i], shapes[j]) for i, j in overlapping_pairs(shapes)]
    return bool(pairs) and all(
        one.color != other.color and hidden_share(one, other) <= MOST_HIDDEN for one, other in pairs
    )
