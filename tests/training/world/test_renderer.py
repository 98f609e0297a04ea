from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from random import Random

import numpy as np
import pytest

from tests.training.world.masks import bounds, filled, likeness, plain_scene
from training.world import palette
from training.world.appearance import Appearance, Fill, Ground, Paint, Shadow, draw_appearance
from training.world.ground import paint_ground
from training.world.renderer import PAINTERS, draw_picture
from training.world.scene import KINDS, Limits, Scene, draw_scene
from training.world.shape import PLAIN_STYLES, cut_shape, draw_form

painters = pytest.mark.parametrize("name", PAINTERS)


def lone_scenes(seed: str) -> Iterator[tuple[Scene, Appearance]]:
    """Scenes of one shape without a shadow on even ground."""
    for index in count():
        rng = Random(f"{seed} {index}")
        scene = draw_scene(rng, Limits(most_shapes=1, longest_side=400))
        appearance = draw_appearance(rng, scene, plain=False)
        if appearance.ground.texture == "even":
            paints = tuple(replace(paint, shadow=None) for paint in appearance.paints)
            yield scene, replace(appearance, paints=paints)


def drawn_pixels(name: str, scene: Scene, appearance: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """The picture, int [height, width, 3], and which of its pixels are not ground."""
    ground = paint_ground(appearance.ground, (scene.width, scene.height))
    image = np.asarray(PAINTERS[name][0](scene, appearance, ground), dtype=int)
    return image, np.abs(image - np.asarray(ground, dtype=int)).max(axis=-1) > 25


@painters
def test_box_is_what_is_drawn(name: str) -> None:
    for scene, appearance in islice(lone_scenes(f"box {name}"), 25):
        _, mask = drawn_pixels(name, scene, appearance)
        (shape,) = scene.shapes
        assert bounds(mask) == pytest.approx(shape.box, abs=1.6), shape


@painters
@pytest.mark.parametrize("kind", KINDS)
def test_outline_is_what_is_drawn_and_leaves_the_hole_open(name: str, kind: str) -> None:
    for seed in range(8):
        scene = plain_scene(Random(f"outline {seed}"), kind)
        (shape,) = scene.shapes
        appearance = draw_appearance(Random(seed), scene, plain=True)
        _, mask = drawn_pixels(name, scene, appearance)
        assert likeness(mask, filled(shape, scene)) >= 0.87, shape


@painters
def test_hollow_shapes_show_the_ground_inside(name: str) -> None:
    hollow = (pair for pair in lone_scenes(f"hollow {name}") if pair[0].shapes[0].hollow)
    for scene, appearance in islice(hollow, 5):
        _, mask = drawn_pixels(name, scene, appearance)
        outlined = filled(scene.shapes[0], scene)
        assert 0.02 < (outlined & ~mask).sum() / outlined.sum() < 0.95


@painters
def test_colors_keep_their_names_wherever_a_shape_is_shaded(name: str) -> None:
    for scene, appearance in islice(lone_scenes(f"color {name}"), 25):
        (shape,) = scene.shapes
        if shape.border:
            continue
        image, mask = drawn_pixels(name, scene, appearance)
        inner = image[eroded(mask, 3)]
        strangers = sum(not is_named(pixel, shape.color) for pixel in inner[::7])
        assert strangers <= 0.02 * len(inner[::7]), shape.name


@painters
def test_each_of_many_shapes_has_its_own_color_in_its_middle(name: str) -> None:
    for seed in range(25):
        rng = Random(f"many {seed}")
        scene = draw_scene(rng, Limits(longest_side=300))
        image, _ = drawn_pixels(name, scene, draw_appearance(rng, scene, plain=False))
        for shape in scene.shapes:
            if shape.kind != "ring" and not shape.hollow:
                assert is_named(image[round(shape.y), round(shape.x)], shape.color), shape


@painters
def test_gradients_stay_within_their_own_shapes(name: str) -> None:
    form = draw_form(Random(0), "circle", PLAIN_STYLES)
    white = Fill((255, 255, 255), (255, 255, 255))
    paint = Paint(Fill((230, 0, 0), (200, 0, 0), 30.0), (0, 0, 0), Shadow(1, 1, 1, 0.3))
    for size in range(24, 44):
        shapes = tuple(
            cut_shape(form, "circle", "red", cell, (30 + 60 * (cell % 3), 50), size / 2)
            for cell in range(3)
        )
        appearance = Appearance(Ground(white, "even", 0), (paint,) * 3)
        image, _ = drawn_pixels(name, Scene(180, 100, shapes), appearance)
        assert all(image[50, x, 0] >= 195 and image[50, x, 1] < 5 for x in (30, 90, 150))


def eroded(mask: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        padded = np.pad(mask, 1)
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask


def is_named(pixel: np.ndarray, name: str) -> bool:
    hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
    turns = (360 * hue, 360 * hue - 360)
    hues, saturations, values = palette.RANGES[name]
    return (
        any(hues[0] - 6 <= turn <= hues[1] + 6 for turn in turns)
        and saturations[0] - 0.06 <= saturation <= saturations[1] + 0.06
        and values[0] - 0.04 <= value <= values[1] + 0.04
    ) or (name in ("black", "white", "gray") and np.ptp(pixel) < 12 and values[0] <= value)


@painters
def test_later_shapes_lie_on_top(name: str) -> None:
    form = draw_form(Random(0), "circle", PLAIN_STYLES)
    red, blue, white = (Fill(rgb, rgb) for rgb in ((230, 0, 0), (0, 0, 230), (255, 255, 255)))
    shapes = (
        cut_shape(form, "circle", "red", 3, (40, 60), 30),
        cut_shape(form, "circle", "blue", 4, (80, 60), 30),
    )
    paints = (Paint(red, red.start), Paint(blue, blue.start))
    appearance = Appearance(Ground(white, "even", 0), paints)
    image, _ = drawn_pixels(name, Scene(120, 120, shapes), appearance)
    assert tuple(image[60, 60]) == blue.start


@painters
def test_picture_depends_on_the_seed_alone(name: str) -> None:
    first, second = (
        draw_picture(rng, draw_scene(rng, Limits()), Limits(), name).image
        for rng in (Random("same"), Random("same"))
    )
    assert first.tobytes() == second.tobytes()


def test_every_painter_has_its_share_of_the_pictures() -> None:
    assert sum(share for _, share in PAINTERS.values()) == pytest.approx(1)


def test_plain_pictures_have_even_ground_and_even_shapes() -> None:
    for seed in range(20):
        rng = Random(f"plain {seed}")
        limits = Limits(plain=True)
        scene = draw_scene(rng, limits)
        appearance = draw_appearance(rng, scene, plain=True)
        assert all(paint.fill.even and paint.shadow is None for paint in appearance.paints)
        assert not any(shape.border for shape in scene.shapes)


def test_picture_has_the_size_and_the_outlines_of_its_scene() -> None:
    rng = Random("size")
    scene = draw_scene(rng, Limits())
    picture = draw_picture(rng, scene, Limits())
    assert picture.image.size == (scene.width, scene.height)
    assert picture.outlines == tuple(shape.outline for shape in scene.shapes)
