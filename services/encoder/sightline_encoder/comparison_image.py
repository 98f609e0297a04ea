"""A picture's decoded pixels as they are compared with those of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from sightline_encoder.decoded import Decoded, Plane
from sightline_encoder.image import MediaLimits, decode_image
from sightline_encoder.resampling import resampled

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

    @classmethod
    def of(cls, decoded: Decoded) -> ComparisonImage:
        """Takes what `decode` returned."""
        luma, blue, red = decoded.planes
        return cls(luma, blue, red, decoded.facts["width"], decoded.facts["height"])

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


def decode(data: bytes, options: Mapping[str, Any]) -> Decoded:
    """Returns the planes of a ComparisonImage, reduced if they have more than `max_pixels`.

    A decoder for worker processes, as `sightline_encoder.picture` is. Raises MediaError.
    """
    image = decode_image(data, MediaLimits(**options["limits"]))
    width, height = image.size
    scale = min(1.0, (options["max_pixels"] / (width * height)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = image if size == image.size else _reduced(image, size)
    luma, blue, red = shown.convert("YCbCr").split()
    # JPEG and WebP keep colours at half the size, so nothing finer could be believed.
    planes = [np.asarray(plane) for plane in (luma, blue.reduce(2), red.reduce(2))]
    return Decoded(planes, {"width": width, "height": height})


def _reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(resampled(image, size, Image.Resampling.BICUBIC))


def comparison_options(limits: MediaLimits, num_seen_pixels: int) -> dict[str, Any]:
    """Returns the options of `decode` for pictures of which the model sees so many pixels."""
    return {"limits": asdict(limits), "max_pixels": max(num_seen_pixels, LEAST_MAX_PIXELS)}


def _resized(plane: Plane, rows: int, columns: int) -> Plane:
    if plane.shape == (rows, columns):
        return plane
    image = Image.fromarray(plane).resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(image)
