"""A picture's decoded pixels as they are compared with those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane: TypeAlias = NDArray[np.uint8]

LEAST_MAX_PIXELS = 2**21
"""Pictures up to this many pixels are compared pixel by pixel, however few the model sees."""


@dataclass(frozen=True, eq=False)
class ComparisonImage:
    """Upright pixels as luma [rows, columns], and blue and red chroma at half the size.

    `width` and `height` are those of the decoded picture.
    """

    luma: Plane
    blue: Plane
    red: Plane
    width: int
    height: int

    @property
    def num_bytes(self) -> int:
        return self.luma.nbytes + self.blue.nbytes + self.red.nbytes

    def resized(self, rows: int, columns: int) -> ComparisonImage:
        """Returns the same picture with planes of another size, resampled by cubic splines."""
        half = (rows + 1) // 2, (columns + 1) // 2
        return ComparisonImage(
            luma=_resized(self.luma, rows, columns),
            blue=_resized(self.blue, *half),
            red=_resized(self.red, *half),
            width=self.width,
            height=self.height,
        )


def comparison_image(image: Image.Image, max_pixels: int) -> ComparisonImage:
    """Takes an RGB picture's planes, resized only if it has more than `max_pixels`.

    `max_pixels` should be no fewer than the vision tower sees.
    """
    width, height = image.size
    scale = min(1.0, (max_pixels / (width * height)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)
    luma, blue, red = shown.convert("YCbCr").split()
    # JPEG and WebP keep colours at half the size, so nothing finer could be believed.
    return ComparisonImage(
        *(np.asarray(plane) for plane in (luma, blue.reduce(2), red.reduce(2))), width, height
    )


def _resized(plane: Plane, rows: int, columns: int) -> Plane:
    if plane.shape == (rows, columns):
        return plane
    image = Image.fromarray(plane).resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(image)
