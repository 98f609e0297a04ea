from __future__ import annotations

import math
from random import Random

import pytest

from training.world import palette
from training.world.renderer import draw_picture
from training.world.scene import (
    AMBIGUITY_MARGIN,
    GAP,
    GRID,
    LONGEST_SIDE,
    SHORTEST_SIDE,
    SMALLEST_SHAPE,
    Limits,
    Scene,
    Shape,
    draw_scene,
)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(Random(f"test {seed}"), Limits()) for seed in range(300)]


def distance(one: Shape, other: Shape) -> float:
    return math.dist((one.x, one.y), (other.x, other.y))


def test_pictures_keep_the_stated_sizes(scenes: list[Scene]) -> None:
    for scene in scenes:
        short, long = sorted((scene.width, scene.height))
        assert SHORTEST_SIDE <= short <= long <= LONGEST_SIDE
        assert long <= 2 * short + 1


def test_shapes_are_large_enough_and_inside_the_picture(scenes: list[Scene]) -> None:
    for scene in scenes:
        for shape in scene.shapes:
            assert 2 * shape.radius >= SMALLEST_SHAPE
            assert shape.radius + GAP <= min(shape.x, scene.width - shape.x) + 1e-6
            assert shape.radius + GAP <= min(shape.y, scene.height - shape.y) + 1e-6


def test_shapes_do_not_overlap(scenes: list[Scene]) -> None:
    for scene in scenes:
        for i, one in enumerate(scene.shapes):
            for other in scene.shapes[i + 1 :]:
                assert distance(one, other) >= one.radius + other.radius + GAP - 1e-6


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
        assert 1 <= len(cells) <= Limits().most_shapes


def test_every_color_keeps_its_contrast_on_some_ground() -> None:
    rng = Random(0)
    for name in palette.RANGES:
        color = palette.draw_color(rng, name)
        grounds = [palette.light_ground(rng) for _ in range(20)]
        assert any(palette.contrast(color, g) >= palette.LEAST_CONTRAST for g in grounds)


def test_picture_has_the_size_of_its_scene_and_depends_on_the_seed_alone() -> None:
    first, second = (
        draw_picture(rng, draw_scene(rng, Limits()), Limits()).image
        for rng in (Random("same"), Random("same"))
    )
    assert first.size == second.size
    assert first.tobytes() == second.tobytes()
