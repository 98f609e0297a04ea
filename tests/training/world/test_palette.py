from __future__ import annotations

from itertools import combinations

import pytest

from training.world.palette import RANGES, Range, blend, contrast, least_contrast

# In the one property that tells them apart: degrees of hue, shares of saturation or value.
LEAST_GAPS = (15, 0.2, 0.2)


def gap(one: Range, other: Range) -> float:
    return max(other[0] - one[1], one[0] - other[1])


def hue_gap(one: Range, other: Range) -> float:
    return min(gap(one, (other[0] + turn, other[1] + turn)) for turn in (-360, 0, 360))


@pytest.mark.parametrize(("one", "other"), list(combinations(RANGES, 2)))
def test_no_color_comes_near_to_another_name(one: str, other: str) -> None:
    (hue, *rest), (other_hue, *others) = RANGES[one], RANGES[other]
    gaps = [hue_gap(hue, other_hue), *map(gap, rest, others)]
    assert any(found >= least for found, least in zip(gaps, LEAST_GAPS, strict=True)), gaps


def test_contrast_is_that_of_the_channel_that_differs_most() -> None:
    assert contrast((10, 20, 30), (15, 0, 31)) == 20
    assert least_contrast([(0, 0, 0), (9, 9, 9)], [(10, 20, 30), (0, 0, 40)]) == 21


def test_blend_mixes_by_share() -> None:
    assert blend((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)
