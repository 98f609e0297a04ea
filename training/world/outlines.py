"""The contours of each kind of shape as polygons around the origin, within radius 1."""

from __future__ import annotations

import math
from random import Random

Point = tuple[float, float]
Contour = tuple[Point, ...]
Box = tuple[float, float, float, float]  # left, top, right, bottom


def on_circle(degrees: float, radius: float = 1.0) -> Point:
    """Zero degrees is up, growing clockwise, with y pointing down as in pictures."""
    angle = math.radians(degrees)
    return radius * math.sin(angle), -radius * math.cos(angle)


def round_contour(radius: float = 1.0) -> list[Point]:
    return [on_circle(5.0 * step, radius) for step in range(72)]


def circle(rng: Random) -> list[Point]:
    return round_contour()


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
        return x / 18, (-y - 2) / 18

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


def rectangle(rng: Random) -> list[Point]:
    """At least 1.5 times as long as wide, so that nobody takes it for a square."""
    angle = math.degrees(math.atan(rng.uniform(1.5, 2.4)))
    return [on_circle(degrees) for degrees in (angle, 180 - angle, 180 + angle, -angle)]


def diamond(rng: Random) -> list[Point]:
    """Narrower than high, so that nobody takes it for a square on its corner."""
    half = rng.uniform(0.58, 0.82)
    return [(0, -1), (half, 0), (0, 1), (-half, 0)]


def arrow(rng: Random) -> list[Point]:
    """Points to the right."""
    shaft, wing, neck = rng.uniform(0.15, 0.24), rng.uniform(0.52, 0.68), rng.uniform(0, 0.25)
    tail = -math.sqrt(1 - shaft * shaft)
    upper = [(tail, -shaft), (neck, -shaft), (neck, -wing)]
    return [*upper, (1, 0), *((x, -y) for x, y in reversed(upper))]


# A ring is cut from a circle, so its contour outside is a circle's.
OUTLINES = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "star": star,
    "heart": heart,
    "cross": cross,
    "rectangle": rectangle,
    "ring": circle,
    "diamond": diamond,
    "arrow": arrow,
}
# How far each kind may be turned, in degrees. A square on its corner would be a diamond.
TURNS = {
    **{"circle": 0, "square": 20, "triangle": 180, "star": 180, "heart": 30, "cross": 18},
    **{"rectangle": 180, "ring": 0, "diamond": 10, "arrow": 180},
}
RING_HOLE = (0.45, 0.72)  # of the radius


def draw_contours(rng: Random, kind: str) -> tuple[Contour, ...]:
    """The contour outside, and behind it a hole's, if the kind has one."""
    turn = math.radians(rng.uniform(-TURNS[kind], TURNS[kind]))
    cos, sin = math.cos(turn), math.sin(turn)
    outside = [(x * cos - y * sin, x * sin + y * cos) for x, y in OUTLINES[kind](rng)]
    if kind != "ring":
        return (tuple(outside),)
    return tuple(outside), tuple(round_contour(rng.uniform(*RING_HOLE)))


def extent(contour: Contour) -> Box:
    xs, ys = zip(*contour, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
