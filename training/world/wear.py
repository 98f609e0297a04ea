"""What happens to pictures on their way: blur, noise, JPEG."""

from __future__ import annotations

import io
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageFilter


def wear(rng: Random, image: Image.Image) -> Image.Image:
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.2:
        noise = film_grain(rng, image.size, rng.uniform(4, 14))
        image = ImageChops.add(image, Image.merge("RGB", [noise] * 3), 1, -128)
    if rng.random() < 0.3:
        image = jpeg(image, rng.randint(55, 95))
    return image


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def film_grain(rng: Random, size: tuple[int, int], deviation: float) -> Image.Image:
    """Normal noise around 128. Pillow's own `effect_noise` takes no seed."""
    normal = np.random.default_rng(rng.getrandbits(32)).normal(128, deviation, size[::-1])
    return Image.fromarray(normal.clip(0, 255).astype(np.uint8))
