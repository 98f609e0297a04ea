from __future__ import annotations

import numpy as np
import pytest

from training.world.appearance import TEXTURES, Fill, Ground
from training.world.ground import paint_ground

START, END = (200, 180, 60), (120, 190, 100)
textures = pytest.mark.parametrize("texture", TEXTURES)


def painted(texture: str, seed: int = 0, size: tuple[int, int] = (130, 90)) -> np.ndarray:
    end = START if texture == "even" else END
    return np.asarray(paint_ground(Ground(Fill(START, end, 30.0), texture, seed), size))


@textures
def test_ground_lies_between_its_two_colors(texture: str) -> None:
    low, high = np.minimum(START, END), np.maximum(START, END)
    for seed in range(5):
        pixels = painted(texture, seed)
        assert pixels.shape == (90, 130, 3)
        assert ((low <= pixels) & (pixels <= high)).all()


@textures
def test_only_even_ground_is_even(texture: str) -> None:
    assert (np.ptp(painted(texture), axis=(0, 1)).max() > 20) == (texture != "even")


@pytest.mark.parametrize("texture", ["glow", "spots", "clouds", "stripes", "grain"])
def test_textures_depend_on_their_seed_alone(texture: str) -> None:
    assert (painted(texture, 1) == painted(texture, 1)).all()
    assert (painted(texture, 1) != painted(texture, 2)).any()


def test_ramp_grows_along_its_direction() -> None:
    reds = painted("ramp", size=(100, 100))[..., 0].astype(int)
    assert (np.diff(reds, axis=1) <= 0).all() and (np.diff(reds, axis=0) <= 0).all()
    assert reds[0, 0] == START[0] and reds[-1, -1] == END[0]
