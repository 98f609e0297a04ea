from __future__ import annotations

from random import Random

import pytest

from training.world.shape import (
    HOLLOW_KINDS,
    KINDS,
    SMALLEST_SHAPE,
    STYLES,
    Form,
    cut_shape,
    draw_form,
)

SQUARE = (((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)),)


def test_box_is_that_of_the_turned_outline() -> None:
    diamond = (((0.0, -1.0), (0.5, 0.0), (0.0, 1.0), (-0.5, 0.0)),)
    shape = cut_shape(Form(diamond, 0.0, False), "diamond", "red", 4, (50, 60), 20)
    assert shape.box == (40, 40, 60, 80)


def test_box_includes_half_of_the_border() -> None:
    shape = cut_shape(Form(SQUARE, 0.1, False), "square", "red", 4, (50, 50), 20)
    assert shape.border == 2
    assert shape.box == pytest.approx((39.5, 39.5, 60.5, 60.5))


def test_outline_of_a_ring_leaves_its_hole_out() -> None:
    hole = tuple((x / 2, y / 2) for x, y in SQUARE[0])
    shape = cut_shape(Form((*SQUARE, hole), 0.0, False), "ring", "red", 4, (0, 0), 2)
    points = shape.outline
    assert len(points) == 10
    assert points[4] == points[0] and points[9] == points[5]


@pytest.mark.parametrize("kind", KINDS)
def test_least_radius_gives_the_least_box(kind: str) -> None:
    for seed in range(30):
        form = draw_form(Random(seed), kind, STYLES)
        radius = form.least_radius()
        left, top, right, bottom = cut_shape(form, kind, "red", 4, (0, 0), radius).box
        assert max(right - left, bottom - top) >= SMALLEST_SHAPE - 1e-6


def test_round_shapes_are_never_drawn_as_strokes() -> None:
    for kind in set(KINDS) - set(HOLLOW_KINDS):
        assert not any(draw_form(Random(seed), kind, STYLES).hollow for seed in range(60))
