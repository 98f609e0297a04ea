"""Grounds to draw on: even, graded, or as busy as a photograph out of focus."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from training.world.appearance import Ground

Noise = np.random.Generator
OCTAVES = 5
COARSEST = 3  # cells across the longer side in the first octave


def paint_ground(ground: Ground, size: tuple[int, int]) -> Image.Image:
    """RGB, `size` is width and height."""
    image = Image.new("RGB", size, ground.fill.start)
    if ground.texture == "even":
        return image
    noise = np.random.default_rng(ground.seed)
    share = MASKS[ground.texture](noise, size, ground.fill.degrees)
    mask = Image.fromarray((255 * np.clip(share, 0, 1)).astype(np.uint8))
    image.paste(ground.fill.end, mask=mask)
    return image


def plane(size: tuple[int, int], degrees: float) -> np.ndarray:
    """From 0 to 1 along a direction, float32 [height, width]."""
    width, height = size
    angle = math.radians(degrees)
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * (width * math.cos(angle))
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * (height * math.sin(angle))
    length = abs(width * math.cos(angle)) + abs(height * math.sin(angle))
    return (across + down[:, None]) / np.float32(length) + np.float32(0.5)


def ramp(noise: Noise, size: tuple[int, int], degrees: float) -> np.ndarray:
    return plane(size, degrees)


def glow(noise: Noise, size: tuple[int, int], degrees: float) -> np.ndarray:
    """Grows with the distance from a point, as where a lamp lights a wall."""
    x, y = noise.uniform(0, 1, 2)
    across = np.linspace(-x, 1 - x, size[0], dtype=np.float32)
    down = np.linspace(-y, 1 - y, size[1], dtype=np.float32)[:, None]
    return np.sqrt(across * across + down * down)


def spots(noise: Noise, size: tuple[int, int], degrees: float) -> np.ndarray:
    """A few soft blobs."""
    return octave(noise, size, int(noise.integers(2, 9)))


def clouds(noise: Noise, size: tuple[int, int], degrees: float) -> np.ndarray:
    """Noise of many scales, each half as strong as the one that is twice as coarse."""
    fade = noise.uniform(0.4, 0.8)
    parts = [octave(noise, size, COARSEST * 2**step) * fade**step for step in range(OCTAVES)]
    total = np.sum(parts, axis=0)
    return np.asarray((total - total.min()) / max(float(np.ptp(total)), 1e-6))


def octave(noise: Noise, size: tuple[int, int], cells: int) -> np.ndarray:
    """Smooth noise with so many cells along the longer side, from 0 to 1."""
    longest = max(size)
    coarse = noise.random([max(2, round(cells * side / longest)) for side in reversed(size)])
    image = Image.fromarray(coarse.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def stripes(noise: Noise, size: tuple[int, int], degrees: float) -> np.ndarray:
    """Soft parallel bands, as on cloth or ruled paper."""
    bands = max(size) / noise.uniform(5, 24)
    sharpness = noise.uniform(0.6, 3)
    wave = np.sin(plane(size, degrees) * np.float32(2 * math.pi * bands))
    return np.clip(0.5 + sharpness * wave / 2, 0, 1)


def grain(noise: Noise, size: tuple[int, int], degrees: float) -> np.ndarray:
    """Each pixel on its own, as on paper or in a dim photograph."""
    return noise.random(size[::-1], dtype=np.float32)


Mask = Callable[[Noise, tuple[int, int], float], np.ndarray]
MASKS: dict[str, Mask] = {
    **{"ramp": ramp, "glow": glow, "spots": spots},
    **{"clouds": clouds, "stripes": stripes, "grain": grain},
}
