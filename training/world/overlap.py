"""How much of a shape another one hides."""

from __future__ import annotations

import itertools
import math

import numpy as np
from PIL import Image, ImageDraw

from training.world.outlines import Box
from training.world.shape import Shape

MOST_HIDDEN = 0.15  # of a shape's area, by any one other shape
RASTER = 48  # pixels along the longer side of the hidden shape's box


def touch(one: Shape, other: Shape) -> bool:
    """Whether the circles around both overlap."""
    return math.dist((one.x, one.y), (other.x, other.y)) < one.radius + other.radius


def hidden_share(one: Shape, other: Shape) -> float:
    """The share of `one` that lies under `other`, from 0 to 1."""
    if not touch(one, other):
        return 0.0
    below, above = coverage(one, one.box), coverage(other, one.box)
    return float((below & above).sum() / below.sum())


def coverage(shape: Shape, box: Box) -> np.ndarray:
    """Which parts of `box` the shape covers, bool [rows, columns]."""
    left, top, right, bottom = box
    scale = RASTER / max(right - left, bottom - top)
    size = (math.ceil((right - left) * scale), math.ceil((bottom - top) * scale))
    mask = Image.new("1", size)
    draw = ImageDraw.Draw(mask)
    for index, contour in enumerate(shape.contours):
        points = [((x - left) * scale, (y - top) * scale) for x, y in contour]
        draw.polygon(points, fill=1 - index)
    return np.asarray(mask)


def overlapping_pairs(shapes: tuple[Shape, ...]) -> list[tuple[int, int]]:
    """The indices of each pair of shapes of which one hides a part of the other."""
    return [
        (i, j)
        for i, j in itertools.combinations(range(len(shapes)), 2)
        if hidden_share(shapes[i], shapes[j]) > 0
    ]
