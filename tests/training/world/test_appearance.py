from __future__ import annotations

from random import Random

import pytest

from training.world.appearance import TEXTURES, draw_appearance
from training.world.ground import MASKS
from training.world.overlap import overlapping_pairs
from training.world.palette import LEAST_CONTRAST, LEAST_EDGE, least_contrast
from training.world.scene import Limits, Scene, draw_scene


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(Random(f"appearance {seed}"), Limits()) for seed in range(250)]


def test_shapes_stand_out_from_their_ground(scenes: list[Scene]) -> None:
    for seed, scene in enumerate(scenes):
        appearance = draw_appearance(Random(seed), scene, plain=False)
        ground = appearance.ground.fill.colors
        for shape, paint in zip(scene.shapes, appearance.paints, strict=True):
            assert least_contrast(paint.fill.colors, ground) >= LEAST_CONTRAST
            if shape.border:
                assert least_contrast([paint.border], ground) >= LEAST_EDGE


def test_overlapping_shapes_stand_out_from_each_other() -> None:
    similar = Limits(longest_side=224, colors=("orange", "yellow", "red", "brown"), overlap_share=1)
    for seed in range(100):
        rng = Random(f"edges {seed}")
        scene = draw_scene(rng, similar)
        paints = draw_appearance(rng, scene, plain=False).paints
        for i, j in overlapping_pairs(scene.shapes):
            colors = paints[i].fill.colors, paints[j].fill.colors
            assert least_contrast(*colors) >= LEAST_EDGE


def test_plain_appearance_has_even_fills_and_no_shadow(scenes: list[Scene]) -> None:
    for seed, scene in enumerate(scenes):
        paints = draw_appearance(Random(seed), scene, plain=True).paints
        assert all(paint.fill.even and paint.shadow is None for paint in paints)


def test_shapes_of_strokes_have_their_color_in_the_stroke(scenes: list[Scene]) -> None:
    hollow = 0
    for seed, scene in enumerate(scenes):
        paints = draw_appearance(Random(seed), scene, plain=False).paints
        for shape, paint in zip(scene.shapes, paints, strict=True):
            assert not shape.hollow or (paint.fill.even and paint.border == paint.fill.start)
            hollow += shape.hollow
    assert hollow > 0


def test_every_texture_but_the_even_one_is_painted() -> None:
    assert set(TEXTURES) == {"even", *MASKS}
    assert sum(TEXTURES.values()) == pytest.approx(1)
