"""Receipts, dialogs, charts and scenes of the world that nano learns, with one detail changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from benchmarks.similar.twin import Twin, is_ascii_letter, twin_of, with_one_changed
from training.world.chartplots import draw_chart_picture
from training.world.charts import draw_chart
from training.world.dialogs import draw_dialog, draw_dialog_picture
from training.world.receipts import Receipt, draw_receipt, draw_receipt_picture
from training.world.renderer import draw_picture
from training.world.scene import COLORS, Limits, Scene, draw_scene
from training.world.shape import Shape

STEPS = (4, 6, 8, 12)  # pixels


@dataclass(frozen=True)
class Misprint(Receipt):
    """A receipt one of whose amounts is printed with another digit."""

    printed: tuple[tuple[str, str], ...] = ()

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        return self.printed


def draw_changed_receipt(rng: Random) -> Twin:
    receipt = draw_receipt(rng, script="latin")
    rows = list(receipt.rows)
    index = rng.randrange(len(rows))
    name, amount = rows[index]
    rows[index] = (name, with_one_changed(rng, amount, str.isdigit))
    parts = (receipt.shop, receipt.items, receipt.total_label, receipt.currency, receipt.whole)
    other = Misprint(*parts, printed=tuple(rows))
    seed = rng.getrandbits(32)
    return twin_of(
        lambda changed: draw_receipt_picture(Random(seed), other if changed else receipt).image
    )


def draw_changed_dialog(rng: Random) -> Twin:
    dialog = draw_dialog(rng, script="latin")
    other = replace(dialog, message=with_one_changed(rng, dialog.message, is_ascii_letter))
    seed = rng.getrandbits(32)
    return twin_of(
        lambda changed: draw_dialog_picture(Random(seed), other if changed else dialog).image
    )


def draw_changed_chart(rng: Random) -> Twin:
    """One value is one more."""
    chart = replace(draw_chart(rng, script="latin", kind="bar"), shown=True)
    values = list(chart.values)
    values[rng.randrange(len(values))] += 1
    other = replace(chart, values=tuple(values))
    seed = rng.getrandbits(32)
    return twin_of(
        lambda changed: draw_chart_picture(Random(seed), other if changed else chart).image
    )


def draw_changed_color(rng: Random) -> Twin:
    return _changed_scene(rng, lambda shape: replace(shape, color=_other_color(rng, shape.color)))


def draw_moved_shape(rng: Random) -> Twin:
    across, down = rng.choice([(1, 0), (-1, 0), (0, 1), (0, -1)])
    step = rng.choice(STEPS)
    return _changed_scene(rng, lambda shape: _moved(shape, step * across, step * down))


def _changed_scene(rng: Random, change: Callable[[Shape], Shape]) -> Twin:
    # Overlapping shapes may hide what changed.
    limits = Limits(overlap_share=0.0)
    scene = draw_scene(rng, limits)
    index = rng.randrange(len(scene.shapes))
    shapes = list(scene.shapes)
    shapes[index] = change(shapes[index])
    other = replace(scene, shapes=tuple(shapes))
    seed = rng.getrandbits(32)
    return twin_of(lambda changed: _painted(seed, other if changed else scene, limits))


def _painted(seed: int, scene: Scene, limits: Limits) -> Image.Image:
    return draw_picture(Random(seed), scene, limits, painter="pillow").image


def _other_color(rng: Random, color: str) -> str:
    return rng.choice([each for each in COLORS if each != color])


def _moved(shape: Shape, across: float, down: float) -> Shape:
    contours = tuple(
        tuple((x + across, y + down) for x, y in contour) for contour in shape.contours
    )
    return replace(shape, x=shape.x + across, y=shape.y + down, contours=contours)
