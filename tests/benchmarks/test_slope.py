import random

import pytest

from benchmarks.slope import fitted_slope


def test_slope_of_a_line_is_exact_and_certain():
    slope = fitted_slope([(x, 5 + 3 * x) for x in range(10)])
    assert slope == pytest.approx((3, 3))


def test_true_slope_lies_under_the_upper_bound_nearly_always():
    chance = random.Random(1)
    slopes = [
        fitted_slope([(x, 2 * x + chance.gauss(0, 50)) for x in range(100)]) for _ in range(300)
    ]
    below = sum(slope.upper < 2 for slope in slopes)
    # 2.5 % of 300, with room for chance.
    assert 1 <= below <= 18
