from __future__ import annotations

import pytest

from training.talk.box import overlap, read_box


def test_a_box_is_read_back() -> None:
    assert read_box("<|begin_of_box|>[10,20,300,1000]<|end_of_box|>\n") == (10, 20, 300, 1000)


@pytest.mark.parametrize(
    "text", ["", "[1,2,3,4]", "<|begin_of_box|>[1,2,3]<|end_of_box|>", "At the top."]
)
def test_anything_else_is_no_box(text: str) -> None:
    assert read_box(text) is None


@pytest.mark.parametrize(
    ("other", "share"),
    [((0, 0, 2, 2), 1.0), ((0, 0, 2, 1), 0.5), ((1, 1, 3, 3), 1 / 7), ((5, 5, 6, 6), 0.0)],
)
def test_overlap_is_intersection_over_union(
    other: tuple[float, float, float, float], share: float
) -> None:
    assert overlap((0, 0, 2, 2), other) == pytest.approx(share)


def test_boxes_without_an_area_do_not_overlap() -> None:
    assert overlap((1, 1, 1, 1), (1, 1, 1, 1)) == 0.0
