from __future__ import annotations

import math
from random import Random

import pytest

from training.world.outlines import OUTLINES, TURNS, Contour, draw_contours, extent
from training.world.shape import KINDS

kinds = pytest.mark.parametrize("kind", KINDS)


def sides(contour: Contour) -> list[float]:
    return [math.dist(a, b) for a, b in zip(contour, (*contour[1:], contour[0]), strict=True)]


@kinds
def test_contours_lie_within_the_unit_circle_and_nearly_fill_it(kind: str) -> None:
    for seed in range(40):
        outside = draw_contours(Random(seed), kind)[0]
        radii = [math.hypot(x, y) for x, y in outside]
        assert 0.9 <= max(radii) <= 1 + 1e-9


@kinds
def test_only_a_ring_has_a_hole_and_it_lies_inside(kind: str) -> None:
    for seed in range(40):
        _, *holes = draw_contours(Random(seed), kind)
        assert len(holes) == (kind == "ring")
        assert all(math.hypot(x, y) < 0.75 for hole in holes for x, y in hole)


def test_every_kind_has_an_outline_and_a_turn() -> None:
    assert set(OUTLINES) == set(TURNS) == set(KINDS)


def test_a_rectangle_is_clearly_longer_than_wide_and_a_square_is_not() -> None:
    for seed in range(40):
        long, short = sides(draw_contours(Random(seed), "rectangle")[0])[:2]
        assert max(long, short) >= 1.5 * min(long, short) - 1e-9
        assert sides(draw_contours(Random(seed), "square")[0]) == pytest.approx([math.sqrt(2)] * 4)


def test_a_diamond_is_higher_than_wide_even_when_turned() -> None:
    for seed in range(40):
        left, top, right, bottom = extent(draw_contours(Random(seed), "diamond")[0])
        assert right - left < 0.9 * (bottom - top)
