from __future__ import annotations

import math
from itertools import combinations
from random import Random

import pytest

from training.world.overlap import MOST_HIDDEN, hidden_share, overlapping_pairs
from training.world.palette import RANGES
from training.world.scene import (
    AMBIGUITY_MARGIN,
    COLORS,
    GAP,
    GRID,
    KINDS,
    LONGEST_SIDE,
    MOST_ELONGATED,
    MOST_IN_SMALL,
    SHORTEST_SIDE,
    SMALL_PICTURE,
    Limits,
    Scene,
    draw_scene,
)
from training.world.shape import SMALLEST_SHAPE


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(Random(f"test {seed}"), Limits()) for seed in range(250)]


def test_pictures_keep_the_stated_sizes(scenes: list[Scene]) -> None:
    for scene in scenes:
        short, long = sorted((scene.width, scene.height))
        assert SHORTEST_SIDE <= short <= long <= LONGEST_SIDE
        assert long <= MOST_ELONGATED * short


def test_boxes_are_large_enough_and_inside_the_picture(scenes: list[Scene]) -> None:
    for scene in scenes:
        for shape in scene.shapes:
            left, top, right, bottom = shape.box
            assert max(right - left, bottom - top) >= SMALLEST_SHAPE - 1e-6
            assert min(left, top, scene.width - right, scene.height - bottom) >= GAP - 1e-6


def test_box_is_within_the_circle_around_the_shape(scenes: list[Scene]) -> None:
    for scene in scenes:
        for shape in scene.shapes:
            left, top, right, bottom = shape.box
            assert max(shape.x - left, right - shape.x) <= shape.radius + 1e-6
            assert max(shape.y - top, bottom - shape.y) <= shape.radius + 1e-6


def test_little_of_a_shape_is_hidden_and_only_by_another_color() -> None:
    shares: list[float] = []
    for seed in range(800):
        shapes = draw_scene(Random(f"overlap {seed}"), Limits(longest_side=336)).shapes
        for i, j in overlapping_pairs(shapes):
            assert shapes[i].color != shapes[j].color
            shares.append(hidden_share(shapes[i], shapes[j]))
    assert len(shares) >= 50
    assert 0.5 * MOST_HIDDEN <= max(shares) <= MOST_HIDDEN


def test_plain_scenes_hide_nothing() -> None:
    for seed in range(100):
        scene = draw_scene(Random(f"plain {seed}"), Limits(plain=True))
        for one, other in combinations(scene.shapes, 2):
            apart = math.dist((one.x, one.y), (other.x, other.y))
            assert apart >= one.radius + other.radius + GAP - 1e-6


def test_centers_stay_away_from_the_borders_of_their_cells(scenes: list[Scene]) -> None:
    for scene in scenes:
        for shape in scene.shapes:
            row, column = divmod(shape.cell, GRID)
            across = shape.x * GRID / scene.width - column
            down = shape.y * GRID / scene.height - row
            for share in (across, down):
                assert AMBIGUITY_MARGIN - 1e-6 <= share <= 1 - AMBIGUITY_MARGIN + 1e-6


def test_shapes_are_in_reading_order_with_one_in_a_cell(scenes: list[Scene]) -> None:
    for scene in scenes:
        cells = [shape.cell for shape in scene.shapes]
        assert cells == sorted(set(cells))
        small = max(scene.width, scene.height) < SMALL_PICTURE
        assert 1 <= len(cells) <= (MOST_IN_SMALL if small else Limits().most_shapes)


def test_every_kind_and_every_color_is_drawn(scenes: list[Scene]) -> None:
    shapes = [shape for scene in scenes for shape in scene.shapes]
    assert {shape.kind for shape in shapes} == set(KINDS)
    assert {shape.color for shape in shapes} == set(COLORS) == set(RANGES)


def test_older_names_keep_their_index_in_the_auxiliary_heads() -> None:
    assert KINDS[:6] == ("circle", "square", "triangle", "star", "heart", "cross")
    assert COLORS[:7] == ("red", "green", "blue", "yellow", "purple", "orange", "black")
