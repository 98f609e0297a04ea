"""The pictures of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from PIL import Image

from training.examination.answering import Prompt
from training.examination.item import Item
from training.examination.world import World
from training.learning.topic import Subject, breadth
from training.world.chartplots import draw_chart_picture
from training.world.charts import Chart
from training.world.dialogs import Dialog, draw_dialog_picture
from training.world.receipts import Receipt, draw_receipt_picture
from training.world.scene import Scene
from training.world.words import draw_words_picture

Wanted = tuple[Random, Scene]
SceneDrawer = Callable[[Sequence[Wanted]], list[Image.Image]]


def draw_prompts(items: Sequence[Item], world: World, draw_scenes: SceneDrawer) -> list[Prompt]:
    """All scenes are drawn together, since starting a browser for each would be slow."""
    wide = breadth(world.limits)
    subjects = [
        (Random(f"{item.seed} picture {index}"), subject)
        for item in items
        for index, subject in enumerate(item.subjects)
    ]
    scenes = iter(
        draw_scenes([(rng, subject) for rng, subject in subjects if isinstance(subject, Scene)])
    )
    images = iter(
        [
            next(scenes) if isinstance(subject, Scene) else draw_other(rng, subject, wide)
            for rng, subject in subjects
        ]
    )
    return [
        Prompt(item.messages, tuple(next(images) for _ in item.subjects), item.thinking)
        for item in items
    ]


def draw_other(rng: Random, subject: Subject, breadth: float) -> Image.Image:
    """A picture of something other than a scene."""
    match subject:
        case Receipt():
            return draw_receipt_picture(rng, subject, breadth=breadth).image
        case Dialog():
            return draw_dialog_picture(rng, subject, breadth=breadth).image
        case Chart():
            return draw_chart_picture(rng, subject, breadth=breadth).image
        case Scene():
            raise TypeError("Scenes are drawn by a world.")
    return draw_words_picture(rng, subject, breadth=breadth).image


def drawn_by_world(world: World) -> SceneDrawer:
    return lambda wanted: [world.draw_picture(rng, scene).image for rng, scene in wanted]
