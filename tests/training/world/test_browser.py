"""The renderer that training never sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from tests.training.world.masks import bounds, filled, likeness, plain_scene
from training.world.appearance import Appearance, draw_appearance
from training.world.browser import BROWSERS, BrowserMissing, draw_browser_pictures
from training.world.page import page_of
from training.world.picture import Picture
from training.world.scene import KINDS, Limits, Scene, draw_scene

POSITIONS = 60  # how a scene looks depends on its position
Drawn = list[tuple[int, Scene, Picture]]


def candidates(index: int) -> Iterator[Scene]:
    """Scenes of one shape; every second one is large and without a border, each kind in turn."""
    for seed in range(20):
        rng = Random(f"page {index} {seed}")
        if index % 2:
            yield plain_scene(rng, KINDS[index // 2 % len(KINDS)])
        else:
            yield draw_scene(rng, Limits(most_shapes=1, longest_side=336))


def is_even(scene: Scene, index: int) -> bool:
    """Whether the browser draws it without a shadow on even ground."""
    appearance = look(scene, index)
    return appearance.ground.texture == "even" and appearance.paints[0].shadow is None


def chosen_scene(index: int) -> Scene:
    """An even one, if this position has any."""
    scenes = list(candidates(index))
    return next((scene for scene in scenes if is_even(scene, index)), scenes[0])


def look(scene: Scene, index: int) -> Appearance:
    return draw_appearance(Random(f"browser {index}"), scene, plain=False)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("no Chromium is installed")
    scenes = [chosen_scene(index) for index in range(POSITIONS)]
    pictures = draw_browser_pictures(scenes)
    triples = zip(range(POSITIONS), scenes, pictures, strict=True)
    even = [triple for triple in triples if is_even(triple[1], triple[0])]
    assert len(even) > POSITIONS / 3
    return even


def seen(scene: Scene, index: int, picture: Picture) -> np.ndarray:
    """Which pixels are not ground."""
    ground = np.array(look(scene, index).ground.fill.start)
    return np.abs(np.asarray(picture.image, dtype=int) - ground).max(axis=-1) > 40


@pytest.mark.browser
def test_box_is_what_the_browser_draws(drawn: Drawn) -> None:
    for index, scene, picture in drawn:
        (shape,) = scene.shapes
        assert bounds(seen(scene, index, picture)) == pytest.approx(shape.box, abs=2), shape


@pytest.mark.browser
def test_outline_is_what_the_browser_draws(drawn: Drawn) -> None:
    for index, scene, picture in drawn:
        (shape,) = scene.shapes
        if shape.radius >= 24 and not shape.border:
            mask = seen(scene, index, picture)
            assert likeness(mask, filled(shape, scene)) >= 0.87, shape


@pytest.mark.browser
def test_picture_has_the_size_and_the_outlines_of_its_scene(
    drawn: Drawn,
) -> None:
    for _, scene, picture in drawn:
        assert picture.image.size == (scene.width, scene.height)
        assert picture.outlines == tuple(shape.outline for shape in scene.shapes)


def test_every_shape_has_its_element_on_the_page() -> None:
    for seed in range(40):
        scene = draw_scene(Random(f"elements {seed}"), Limits())
        plain = draw_appearance(Random(seed), scene, plain=True)
        page = page_of(scene, plain)
        elements = page.count("<path") + page.count(" border-box;")
        assert elements == len(scene.shapes)


def test_missing_browser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BrowserMissing, match="No Chromium is installed"):
        draw_browser_pictures([])


def test_training_never_imports_the_browser() -> None:
    code = "import sys, training.learning.sample; sys.exit('training.world.browser' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
