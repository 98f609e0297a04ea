"""The colours of the world: what each colour name may look like."""

from __future__ import annotations

import colorsys
from collections.abc import Collection
from random import Random

Rgb = tuple[int, int, int]
Range = tuple[float, float]

# Hue in degrees, saturation and value from 0 to 1. Names are far from each other on purpose.
RANGES: dict[str, tuple[Range, Range, Range]] = {
    "red": ((-8, 6), (0.78, 1), (0.75, 1)),
    "orange": ((25, 34), (0.85, 1), (0.93, 1)),
    "yellow": ((50, 60), (0.75, 1), (0.92, 1)),
    "green": ((95, 145), (0.55, 1), (0.42, 0.8)),
    "blue": ((208, 238), (0.65, 1), (0.6, 1)),
    "purple": ((268, 286), (0.5, 0.9), (0.5, 0.85)),
    "black": ((0, 360), (0, 0.3), (0, 0.12)),
    "pink": ((325, 345), (0.3, 0.52), (0.94, 1)),
    "brown": ((17, 30), (0.58, 0.85), (0.35, 0.54)),
    "gray": ((0, 360), (0, 0.05), (0.42, 0.62)),
    "white": ((0, 360), (0, 0.03), (0.96, 1)),
}
# The least difference between a shape and its ground, in the channel that differs most.
LEAST_CONTRAST = 90
# The same between two shapes that overlap, and between a border and the ground.
LEAST_EDGE = 70


def draw_color(rng: Random, name: str) -> Rgb:
    hue, saturation, value = (rng.uniform(*bounds) for bounds in RANGES[name])
    return rgb(hue, saturation, value)


def rgb(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def light_ground(rng: Random) -> Rgb:
    return rgb(rng.uniform(0, 360), rng.uniform(0, 0.12), rng.uniform(0.85, 1))


def tinted_ground(rng: Random) -> Rgb:
    return rgb(rng.uniform(0, 360), rng.uniform(0.1, 0.3), rng.uniform(0.75, 1))


def middle_ground(rng: Random) -> Rgb:
    return rgb(rng.uniform(0, 360), rng.uniform(0.1, 0.55), rng.uniform(0.4, 0.75))


def dark_ground(rng: Random) -> Rgb:
    return rgb(rng.uniform(0, 360), rng.uniform(0, 0.4), rng.uniform(0.12, 0.35))


def contrast(one: Rgb, other: Rgb) -> int:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]), abs(one[2] - other[2]))


def least_contrast(some: Collection[Rgb], others: Collection[Rgb]) -> int:
    """Between any of the one and any of the other colours."""
    return min(contrast(one, other) for one in some for other in others)


def stands_out(tones: Collection[Rgb], colors: Collection[Rgb], least: int) -> bool:
    """Whether each tone differs from each colour by at least so much.

    The same as comparing `least_contrast`, but it ends at the first pair that is too near: some
    hundred grounds are tried for a picture of many colours.
    """
    return all(contrast(tone, color) >= least for tone in tones for color in colors)


def blend(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` with a share of `other` mixed in."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue
