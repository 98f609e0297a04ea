"""The outline of each kind of shape as a polygon around the origin, within radius 1."""

from __future__ import annotations

import math
from random import Random

Point = tuple[float, float]


def on_circle(degrees: float, radius: float = 1.0) -> Point:
    """Zero degrees is up, growing clockwise, with y pointing down as in pictures."""
    angle = math.radians(degrees)
    return radius * math.sin(angle), -radius * math.cos(angle)


def circle(rng: Random) -> list[Point]:
    return [on_circle(5.0 * step) for step in range(72)]


def square(rng: Random) -> list[Point]:
    return [on_circle(45 + 90 * step) for step in range(4)]


def triangle(rng: Random) -> list[Point]:
    apex = rng.uniform(-15, 15)
    return [on_circle(apex), on_circle(120), on_circle(240)]


def star(rng: Random) -> list[Point]:
    inner = rng.uniform(0.38, 0.5)
    return [on_circle(36.0 * step, inner if step % 2 else 1.0) for step in range(10)]


def heart(rng: Random) -> list[Point]:
    def point(t: float) -> Point:
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        return x / 17, (-y - 2) / 17

    return [point(2 * math.pi * step / 72) for step in range(72)]


def cross(rng: Random) -> list[Point]:
    arm = rng.uniform(0.26, 0.38)
    tip = math.sqrt(1 - arm * arm)
    corner = [(arm, -tip), (arm, -arm), (tip, -arm)]
    points = list(corner)
    for _ in range(3):
        corner = [(-y, x) for x, y in corner]
        points += corner
    return points


OUTLINES = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "star": star,
    "heart": heart,
    "cross": cross,
}
# How far each kind may be turned, in degrees. A square on its corner would be a diamond.
TURNS = {"circle": 0, "square": 20, "triangle": 180, "star": 180, "heart": 30, "cross": 18}


def draw_outline(rng: Random, kind: str) -> list[Point]:
    turn = math.radians(rng.uniform(-TURNS[kind], TURNS[kind]))
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in OUTLINES[kind](rng)]
