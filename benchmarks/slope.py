"""A line through measurements, and how sure one can be of its slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Z_95 = 1.96


class Slope(NamedTuple):
    """Growth of y for one x by least squares, and the upper end of its 95 % interval."""

    value: float
    upper: float


def fitted_slope(points: Sequence[tuple[float, float]]) -> Slope:
    """Fits at least three points whose x differ."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    value = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residuals = sum((y - mean_y - value * (x - mean_x)) ** 2 for x, y in points)
    error = math.sqrt(residuals / (count - 2) / spread)
    return Slope(value, value + Z_95 * error)
