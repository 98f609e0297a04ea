"""How large a picture is around what it shows.

`breadth` says how far pictures of text and charts reach: from 0, as large as those of the small
world, to 1, as large and as long as any picture of this world.
"""

from __future__ import annotations

import math
from random import Random

from training.world.scene import LONGEST_SIDE, MOST_ELONGATED, SHORTEST_SIDE, SMALL_LIMITS

NARROW_SIDE = SMALL_LIMITS.longest_side
MOST_GROUND = 0.8  # of a side's least length, added to it
ROOMY_SHARE = 0.3  # of receipts and dialogs that lie on a larger ground

Size = tuple[int, int]


def breadth_of(longest_side: int) -> float:
    """From the longest side of scenes that are drawn beside text and charts."""
    return min(1.0, max(0.0, (longest_side - NARROW_SIDE) / (LONGEST_SIDE - NARROW_SIDE)))


def widened(narrow: float, wide: float, breadth: float) -> float:
    """From `narrow` at a breadth of 0 to `wide` at 1."""
    return narrow + (wide - narrow) * breadth


def longest_side(breadth: float) -> int:
    """Pixels."""
    return round(widened(NARROW_SIDE, LONGEST_SIDE, breadth))


def draw_canvas_size(rng: Random, least: tuple[float, float], breadth: float) -> Size:
    """Around what needs at least so many pixels, often close, within the world's shapes."""
    sides = [draw_side(rng, length, breadth) for length in least]
    short = max(SHORTEST_SIDE, math.ceil(max(sides) / MOST_ELONGATED))
    return max(sides[0], short), max(sides[1], short)


def draw_side(rng: Random, least: float, breadth: float) -> int:
    shortest = max(SHORTEST_SIDE, math.ceil(least))
    growth = widened(MOST_GROUND, 2 * MOST_GROUND, breadth) * rng.random() ** 2
    return max(shortest, min(longest_side(breadth), round(shortest * (1 + growth))))


def is_roomy(rng: Random, breadth: float) -> bool:
    """Whether there is to be more ground than what is shown needs."""
    return breadth > 0 and rng.random() < ROOMY_SHARE * breadth


def draw_corner(rng: Random, size: Size, inner: Size, edge: int) -> tuple[int, int]:
    """Left and top of something in a picture, at least `edge` pixels from its border."""
    left, top = (
        rng.randint(edge, max(edge, outside - inside - edge))
        for outside, inside in zip(size, inner, strict=True)
    )
    return left, top


def in_world(size: Size, longest: int = LONGEST_SIDE) -> bool:
    """Whether a picture has the sizes and shapes of this world."""
    short, long = sorted(size)
    return short >= SHORTEST_SIDE and long <= min(longest, MOST_ELONGATED * short)
