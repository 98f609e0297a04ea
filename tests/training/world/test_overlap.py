from __future__ import annotations

from random import Random

import pytest

from training.world.overlap import hidden_share, overlapping_pairs
from training.world.shape import PLAIN_STYLES, Shape, cut_shape, draw_form


def disc(x: float, radius: float = 20.0, kind: str = "circle") -> Shape:
    form = draw_form(Random(0), kind, PLAIN_STYLES)
    return cut_shape(form, kind, "red", 4, (x, 50.0), radius)


def test_half_of_a_disc_is_hidden_by_one_shifted_by_0_8_radii() -> None:
    # Two circles of radius r at distance d share 2 r² acos(d/2r) - d/2 √(4r² - d²).
    assert hidden_share(disc(50), disc(66.16)) == pytest.approx(0.5, abs=0.03)


def test_a_shape_hides_all_of_a_smaller_one_behind_it() -> None:
    assert hidden_share(disc(50, 10), disc(50, 30)) == 1
    assert hidden_share(disc(50, 30), disc(50, 10)) == pytest.approx(1 / 9, abs=0.02)


def test_what_lies_in_the_hole_of_a_ring_is_not_hidden() -> None:
    assert hidden_share(disc(50, 6), disc(50, 30, "ring")) == 0


def test_pairs_are_those_that_meet() -> None:
    assert overlapping_pairs((disc(30), disc(60), disc(110))) == [(0, 1)]
