"""Whether two pictures show the same in every region, but for the traces of another encoding.

A mean over a picture hides one changed digit. Here every patch of 2 x 2 pixels counts by
itself: its difference is divided by the contrast of the region around it, because
encoders err where there is contrast, and the largest of these shares is the distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from sightline_encoder.comparison_image import ComparisonImage
from sightline_encoder.decoded import Plane

REGION = 8
"""The edge in pixels of a region, and of a JPEG's block; contrast is that of 3 x 3 regions."""
LEAST_CONTRAST = 48
"""Levels that count as contrast where there is less: an encoder errs in flat regions too."""
LEAST_COLOR_CONTRAST = 128
"""The same for chroma, which encoders treat more roughly."""
MAX_DISTANCE = 0.14
"""What is further apart is not the same; chosen on the data of `python -m benchmarks.similar`."""
QUIET_DISTANCE = 0.06
"""What is allowed between pictures that are equal nearly everywhere."""
OUTLIER = 5.0
"""How many times the noise of the picture's other regions one region may differ."""

Levels = NDArray[np.int16]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """How far two pictures are apart: 0 means equal, 1 a difference as large as the contrast.

    `luma` and `chroma` are the distances of the worst region, `noise` the luma distance of
    the worst tenth of the regions that show anything.
    """

    luma: float
    chroma: float
    noise: float

    @property
    def distance(self) -> float:
        return max(self.luma, self.chroma)

    @property
    def confirmed(self) -> bool:
        """Whether the features of one may stand for those of the other."""
        quiet = max(QUIET_DISTANCE, OUTLIER * self.noise)
        return self.distance <= MAX_DISTANCE and self.luma <= quiet


def compare(donor: ComparisonImage, candidate: ComparisonImage) -> Comparison:
    """Compares two pictures of nearly equal size, region by region.

    When their sizes differ, each is scaled to the other's, and the better fit counts: one
    of the two was made by scaling the other, and scaling back does not undo that.
    """
    if donor.luma.shape == candidate.luma.shape:
        return _compared(donor, candidate)
    fits = (
        _compared(donor.resized(*candidate.luma.shape), candidate),
        _compared(donor, candidate.resized(*donor.luma.shape)),
    )
    return min(fits, key=lambda fit: fit.distance)


def _compared(one: ComparisonImage, other: ComparisonImage) -> Comparison:
    luma, contrast = _differences(one.luma, other.luma, LEAST_CONTRAST)
    blue, _ = _differences(one.blue, other.blue, LEAST_COLOR_CONTRAST)
    red, _ = _differences(one.red, other.red, LEAST_COLOR_CONTRAST)
    shown = luma[contrast >= LEAST_CONTRAST]
    noise = float(np.percentile(shown, 90)) if shown.size else 0.0
    return Comparison(float(luma.max()), float(max(blue.max(), red.max())), noise)


def _differences(one: Plane, other: Plane, least_contrast: int) -> tuple[Shares, Levels]:
    """Returns each region's largest difference as a share of its contrast, and the contrast."""
    contrast = np.minimum(_contrast(one), _contrast(other))
    difference = _regions(_local_difference(one, other), np.maximum)
    return difference / np.maximum(contrast, least_contrast), contrast


def _local_difference(one: Plane, other: Plane) -> NDArray[np.float32]:
    """Returns the difference of the means over 2 x 2 pixels, which cancels ringing."""
    signed = np.pad(one.astype(np.int16) - other, ((0, 1), (0, 1)), mode="edge")
    pairs = signed[:-1] + signed[1:]
    means: NDArray[np.float32] = np.abs(pairs[:, :-1] + pairs[:, 1:]).astype(np.float32) / 4
    return means


def _contrast(plane: Plane) -> Levels:
    levels = plane.astype(np.int16)
    brightest = _neighbours(_regions(levels, np.maximum), np.maximum)
    darkest = _neighbours(_regions(levels, np.minimum), np.minimum)
    contrast: Levels = brightest - darkest
    return contrast


def _regions(values: NDArray[np.generic], pick: np.ufunc) -> NDArray[np.int16]:
    """Returns the extreme value of each region."""
    rows, columns = values.shape
    margins = ((0, -rows % REGION), (0, -columns % REGION))
    padded = np.pad(values, margins, mode="edge")
    down = pick.reduce(padded.reshape(-1, REGION, padded.shape[1]), axis=1)
    extremes: NDArray[np.int16] = pick.reduce(down.reshape(len(down), -1, REGION), axis=2)
    return extremes


def _neighbours(values: Levels, pick: np.ufunc) -> Levels:
    """Returns the extreme value of each region and the eight around it."""
    rows, columns = values.shape
    padded = np.pad(values, 1, mode="edge")
    down: Levels = reduce(pick, [padded[shift : shift + rows] for shift in range(3)])
    across: Levels = reduce(pick, [down[:, shift : shift + columns] for shift in range(3)])
    return across
