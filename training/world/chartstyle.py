"""How charts look, whichever library draws them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from random import Random

from training.world import palette
from training.world.alphabet import has_chinese
from training.world.backdrop import brightness
from training.world.charts import Chart
from training.world.fonts import Face, chinese_faces, latin_faces, require_chinese
from training.world.palette import Rgb

LATIN_SIZE = (18, 22)  # pixels an em
CHINESE_SIZE = (21, 25)
LEAST_DIFFERENCE = 80  # between two colours of a chart, in the channel that differs most
LEAST_LIGHT = 35  # the difference in brightness between a colour and the ground
HUES = (0, 28, 52, 120, 185, 220, 275, 320)  # degrees, far from each other


@dataclass(frozen=True)
class ChartStyle:
    """colors: one for each value. grid, axis: whether lines and numbers of the axis are drawn."""

    face: Face
    size: int
    ground: Rgb
    ink: Rgb
    faint: Rgb
    colors: tuple[Rgb, ...]
    grid: bool
    axis: bool
    sideways: bool  # bars that grow to the right
    legend: bool  # a pie's labels beside and not around it


def draw_chart_style(rng: Random, chart: Chart, difficulty: float) -> ChartStyle:
    chinese = has_chinese(chart.title)
    if chinese:
        require_chinese()
    faces = chinese_faces() if chinese else latin_faces()[: round(4 + 16 * difficulty)]
    dark = rng.random() < 0.15 * difficulty
    ground = palette.dark_ground(rng) if dark else palette.light_ground(rng)
    ink = (235, 235, 235) if brightness(ground) < 128 else (rng.randrange(60),) * 3
    return ChartStyle(
        face=rng.choice(faces),
        size=rng.randint(*(CHINESE_SIZE if chinese else LATIN_SIZE)),
        ground=ground,
        ink=ink,
        faint=palette.blend(ground, ink, rng.uniform(0.12, 0.25)),
        colors=draw_colors(rng, chart, ground),
        grid=rng.random() < 0.6,
        # Without printed values the axis is the only scale.
        axis=not chart.shown or rng.random() < 0.6,
        sideways=rng.random() < 0.3 * difficulty,
        legend=rng.random() < 0.5,
    )


def draw_colors(rng: Random, chart: Chart, ground: Rgb) -> tuple[Rgb, ...]:
    """Slices of a pie differ clearly; other charts often have one colour only."""
    count = len(chart.values)
    while True:
        if chart.kind == "pie" or rng.random() < 0.35:
            colors = tuple(draw_tone(rng, hue) for hue in rng.sample(HUES, count))
        else:
            colors = (draw_tone(rng, rng.choice(HUES)),) * count
        pairs = combinations({*colors, ground}, 2)
        lights = (abs(brightness(color) - brightness(ground)) for color in colors)
        differ = all(palette.contrast(one, other) >= LEAST_DIFFERENCE for one, other in pairs)
        if differ and min(lights) >= LEAST_LIGHT:
            return colors


def draw_tone(rng: Random, hue: float) -> Rgb:
    return palette.rgb(hue + rng.uniform(-8, 8), rng.uniform(0.5, 0.95), rng.uniform(0.55, 0.95))


def axis_step(least: float) -> int:
    """Between two numbers of the axis: the smallest round one that is large enough."""
    return next(step for step in (1, 2, 5, 10, 20, 25, 50, 100) if step >= least)
