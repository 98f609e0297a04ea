"""A few bits that stay nearly the same when a picture is encoded or scaled anew."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sightline_encoder.comparison_image import ComparisonImage

SIDE = 16
NUM_BITS = SIDE * SIDE
LEAST_STEP = 3
"""Levels by which a cell must be brighter than its left neighbour: flat areas give zeros."""


def perceptual_hash(image: ComparisonImage) -> int:
    """Returns NUM_BITS bits that tell where luma rises from left to right, on a coarse grid."""
    cells = Image.fromarray(image.luma).resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    steps = np.diff(np.asarray(cells).astype(np.int16), axis=1)
    bits = np.packbits(steps >= LEAST_STEP)
    return int.from_bytes(bits.tobytes(), "big")


def hash_distance(one: int, other: int) -> int:
    """Counts the bits in which two hashes differ."""
    return (one ^ other).bit_count()
