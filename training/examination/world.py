"""Worlds to be examined in: what is shown, how it is drawn, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH, FIRST_ENGLISH
from training.talk.tongue import Tongue
from training.talk.tongues import SCENES_TONGUES
from training.world.picture import Picture
from training.world.renderer import draw_picture
from training.world.scene import SMALL_LIMITS, Limits, Scene, draw_scene


@dataclass(frozen=True)
class World:
    """Scenes within limits, drawn by one painter or by any of them."""

    tongues: tuple[Tongue, ...]
    limits: Limits
    painter: str | None = None

    def draw_scene(self, rng: Random) -> Scene:
        return draw_scene(rng, self.limits)

    def draw_pair(self, rng: Random) -> tuple[Scene, Scene]:
        return self.draw_scene(rng), self.draw_scene(rng)

    def draw_picture(self, rng: Random, scene: Scene) -> Picture:
        return draw_picture(rng, scene, self.limits, self.painter)


WHOLE = World((ENGLISH, CHINESE), Limits())
SMALL = World((FIRST_ENGLISH,), SMALL_LIMITS, painter="pillow")
SCENES = World(SCENES_TONGUES, Limits())
