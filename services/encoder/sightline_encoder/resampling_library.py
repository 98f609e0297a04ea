"""The kernels that worker processes resample with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sightline_common.native.library import CompilationError, built
from sightline_common.telemetry import log

from sightline_encoder.native.resampler import Resampler

SOURCE = Path(__file__).with_name("native") / "resampling.cpp"
_SIZES = (
    ((96, 64), (60, 40)),
    ((64, 160), (50, 131)),
    ((64, 160), (50, 132)),
    ((64, 64), (90, 80)),
)
"""Sizes before and after: reduced either side first, and enlarged."""

_logger = logging.getLogger(__name__)


def resampling_library() -> Path | None:
    """Returns a library whose pictures are Pillow's, compiled if need be; None without one.

    A Pillow that resamples in another way than the kernels do is found out here.
    """
    try:
        library = built(SOURCE)
        _check(Resampler(library))
    except (CompilationError, OSError) as error:
        log(_logger, "pictures are resampled by Pillow", logging.WARNING, reason=str(error))
        return None
    return library


def _check(resampler: Resampler) -> None:
    unlike = list(_unlike(resampler))
    if unlike:
        raise CompilationError(f"the kernels' pictures are not Pillow's: {unlike}")


def _unlike(resampler: Resampler) -> Iterator[tuple[int, int]]:
    """Yields the sizes at which the kernels make another picture than Pillow."""
    rng = np.random.default_rng(0)
    for (width, height), size in _SIZES:
        image = Image.fromarray(rng.integers(0, 2, (height, width, 3), dtype=np.uint8) * 255)
        for kind in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
            found = resampler.resampled(image, size, kind)
            if found is None or not np.array_equal(found, np.asarray(image.resize(size, kind))):
                yield size
