from __future__ import annotations

from functools import cache
from random import Random

from training.world.scene import Limits, Scene, draw_scene

SEEDS = range(200)


@cache
def scene_of(seed: int, limits: Limits | None = None) -> Scene:
    return draw_scene(Random(f"talk {seed}"), limits or Limits())


def pair_of(seed: int) -> tuple[Scene, Scene]:
    return scene_of(seed), scene_of(seed + 1000)
