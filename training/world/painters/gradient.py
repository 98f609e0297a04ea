"""Where the gradient of a shape begins and ends."""

from __future__ import annotations

import math

from training.world.outlines import Point
from training.world.shape import Shape


def axis(shape: Shape, degrees: float) -> tuple[Point, Point]:
    """The ends of a linear gradient through the whole shape, in pixels."""
    across = shape.radius * math.cos(math.radians(degrees))
    down = shape.radius * math.sin(math.radians(degrees))
    return (shape.x - across, shape.y - down), (shape.x + across, shape.y + down)
