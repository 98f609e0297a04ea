"""Pictures of mixed sizes and formats that no cache has seen."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Shape:
    """One kind of picture in the mixture."""

    width: int
    height: int
    format: str


MIXTURE = (
    Shape(336, 336, "PNG"),
    Shape(640, 480, "JPEG"),
    Shape(1280, 720, "PNG"),
    Shape(1024, 1024, "JPEG"),
    Shape(480, 640, "JPEG"),
    Shape(1920, 1080, "JPEG"),
    Shape(800, 600, "WEBP"),
    Shape(128, 96, "PNG"),
)
"""Thumbnails, screenshots, photographs: half a megapixel each on average."""


def mixture(count: int, seed: int) -> list[bytes]:
    """Returns so many files, all kinds in turn; another seed gives other files."""
    kinds = [MIXTURE[n % len(MIXTURE)] for n in range(count)]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(picture, kinds, range(seed * 100_000, seed * 100_000 + count)))


def picture(shape: Shape, seed: int) -> bytes:
    """Draws soft hills of colour with a little grain, so that codecs work as for a photograph."""
    chance = np.random.default_rng(seed)
    hills = Image.fromarray(chance.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    smooth = hills.resize((shape.width, shape.height), Image.Resampling.BICUBIC)
    grain = chance.integers(-4, 5, (shape.height, shape.width, 1), dtype=np.int16)
    samples = np.clip(np.asarray(smooth, np.int16) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, shape.format, quality=90)
    return buffer.getvalue()
