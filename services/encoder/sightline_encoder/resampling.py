"""How a picture's pixels are taken, and brought to another size."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from sightline_encoder.decoded import Plane
from sightline_encoder.native.resampler import Resampler


class _Equipment:
    """What this process resamples with: Pillow, unless it was given kernels."""

    resampler: Resampler | None = None


def equip(library: Path) -> None:
    """Lets this process resample with the kernels of a library, if they can be loaded."""
    with suppress(OSError):
        _Equipment.resampler = Resampler(library)


def is_equipped() -> bool:
    """Tells whether this process has kernels."""
    return _Equipment.resampler is not None


def resampled(image: Image.Image, size: tuple[int, int], kind: int) -> Plane:
    """Returns pixels [height, width, channels], the same with and without kernels.

    `size` is (width, height), `kind` Pillow's number of a filter. Raises MemoryError.
    """
    if size == image.size:
        return np.asarray(image)
    resampler = _Equipment.resampler
    pixels = None if resampler is None else resampler.resampled(image, size, kind)
    if pixels is None:
        pixels = np.asarray(image.resize(size, Image.Resampling(kind)))
    return pixels
