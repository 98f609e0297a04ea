"""Where something is drawn: bool [height, width]."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageDraw

from training.world.outlines import Box
from training.world.scene import Scene
from training.world.shape import COLORS, PLAIN_STYLES, Shape, cut_shape, draw_form


def bounds(mask: np.ndarray) -> Box:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def plain_scene(rng: Random, kind: str) -> Scene:
    """One large shape without a border."""
    form = draw_form(rng, kind, PLAIN_STYLES)
    shape = cut_shape(form, kind, rng.choice(COLORS), 4, (80.0, 70.0), rng.uniform(30, 60))
    return Scene(160, 140, (shape,))


def filled(shape: Shape, scene: Scene) -> np.ndarray:
    """What the outline of the shape encloses."""
    mask = Image.new("1", (scene.width, scene.height))
    ImageDraw.Draw(mask).polygon([(x - 0.5, y - 0.5) for x, y in shape.outline], fill=1)
    return np.asarray(mask)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())
