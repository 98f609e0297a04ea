"""What happens to a picture between the first time that it is sent and the second."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image

File: TypeAlias = Callable[[Image.Image], bytes]


class Journey(NamedTuple):
    """How the donor's file and the candidate's were made, and how many should match.

    `promised` journeys should match; the others are only told about.
    """

    donor: File
    candidate: File
    promised: bool = True


def png(image: Image.Image) -> bytes:
    return _file(image, "PNG", compress_level=1)


def jpeg(quality: int) -> File:
    return lambda image: _file(image, "JPEG", quality=quality)


def webp(quality: int) -> File:
    return lambda image: _file(image, "WEBP", quality=quality, method=2)


def webp_lossless(image: Image.Image) -> bytes:
    return _file(image, "WEBP", lossless=True, method=1, quality=20)


def scaled(factor: float, filter_: Image.Resampling, then: File) -> File:
    """Returns what scales a picture and then writes it."""

    def write(image: Image.Image) -> bytes:
        size = round(image.width * factor), round(image.height * factor)
        return then(image.resize(size, filter_))

    return write


def after(first: File, then: File) -> File:
    """Returns what writes a picture, reads it back, and writes it again."""
    return lambda image: then(Image.open(io.BytesIO(first(image))).convert("RGB"))


def rounded(image: Image.Image) -> bytes:
    """Levels one up or down here and there, as another colour management leaves them."""
    levels = np.asarray(image).astype(np.int16)
    levels = levels + np.random.default_rng(levels.size).integers(-1, 2, levels.shape)
    return png(Image.fromarray(levels.clip(0, 255).astype(np.uint8)))


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


_BICUBIC, _LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS
_BILINEAR, _NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
JOURNEYS = MappingProxyType(
    {
        "PNG → WebP lossless": Journey(png, webp_lossless),
        "PNG → PNG, levels ± 1": Journey(png, rounded),
        "PNG → JPEG 95": Journey(png, jpeg(95)),
        "PNG → JPEG 85": Journey(png, jpeg(85)),
        "PNG → JPEG 75": Journey(png, jpeg(75)),
        "PNG → JPEG 60": Journey(png, jpeg(60), promised=False),
        "PNG → WebP 90": Journey(png, webp(90)),
        "PNG → WebP 80": Journey(png, webp(80)),
        "JPEG 90 → JPEG 75": Journey(jpeg(90), after(jpeg(90), jpeg(75))),
        "JPEG 75 → JPEG 60": Journey(jpeg(75), after(jpeg(75), jpeg(60)), promised=False),
        "WebP 90 → JPEG 85 → PNG": Journey(webp(90), after(webp(90), after(jpeg(85), png))),
        "PNG → 90 %, Lanczos": Journey(png, scaled(0.9, _LANCZOS, png)),
        "PNG → 95 %, bicubic, JPEG 85": Journey(png, scaled(0.95, _BICUBIC, jpeg(85))),
        "PNG → 105 %, bicubic": Journey(png, scaled(1.05, _BICUBIC, png)),
        "PNG → 110 %, Lanczos, JPEG 85": Journey(png, scaled(1.1, _LANCZOS, jpeg(85))),
        "PNG → 90 %, bilinear": Journey(png, scaled(0.9, _BILINEAR, png)),
        "PNG → 110 %, nearest": Journey(png, scaled(1.1, _NEAREST, png), promised=False),
    }
)
