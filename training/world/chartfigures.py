"""Draws charts with matplotlib, as most charts that one meets are drawn."""

from __future__ import annotations

from random import Random

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from training.world.canvas import widened
from training.world.charts import Chart
from training.world.chartstyle import ChartStyle
from training.world.palette import Rgb
from training.world.picture import Picture
from training.world.scene import LONGEST_SIDE
from training.world.sheet import width

DPI = 100
POINTS = 72 / DPI  # in a pixel
LEAST_ACROSS, MOST_ACROSS = 300, 430  # pixels, at a breadth of 0
LEAST_DOWN = 186  # pixels: below and above the axes there is room for a line of text
RIGHT = 10  # pixels beside the axes
INSIDE = (0.14, 0.7)  # the axes: bottom and height as shares of the figure


def can_draw(chart: Chart, style: ChartStyle) -> bool:
    """Bars and lines, in a face that is not in a collection, where matplotlib would not find it.

    NOTE: no pies, whose labels matplotlib lets run out of the picture and over each other.
    """
    file = style.face.path
    found = file is not None and file.suffix.lower() != ".ttc"
    return chart.kind != "pie" and found and least_across(chart, style) <= LONGEST_SIDE


def left_of_axes(style: ChartStyle) -> float:
    return width("100", style.face, style.size) + 14


def least_across(chart: Chart, style: ChartStyle) -> int:
    """Pixels, such that labels do not meet."""
    slot = max(width(label, style.face, style.size) for label in chart.labels) + 10
    return round(left_of_axes(style) + slot * (len(chart.labels) + 0.2) + RIGHT)


def draw_size(rng: Random, least: int, breadth: float) -> tuple[int, int]:
    across = max(
        rng.randint(LEAST_ACROSS, round(widened(MOST_ACROSS, LONGEST_SIDE, breadth))), least
    )
    share = rng.uniform(widened(0.62, 0.36, breadth), widened(0.9, 1.6, breadth))
    return across, min(LONGEST_SIDE, max(LEAST_DOWN, round(across * share)))


def draw_figure(rng: Random, chart: Chart, style: ChartStyle, breadth: float = 1.0) -> Picture:
    """Where its characters are, nobody asks it."""
    across, down = draw_size(rng, least_across(chart, style), breadth)
    left, right = left_of_axes(style), RIGHT
    figure = Figure((across / DPI, down / DPI), dpi=DPI, facecolor=share(style.ground))
    canvas = FigureCanvasAgg(figure)
    inside = (left / across, INSIDE[0], 1 - (left + right) / across, INSIDE[1])
    axes = figure.add_axes(inside, facecolor=share(style.ground))
    font = FontProperties(fname=str(style.face.path), size=style.size * POINTS)
    plot_values(axes, chart, style, font)
    axes.set_title(chart.title, fontproperties=font, color=share(style.ink))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    return Picture(Image.fromarray(np.ascontiguousarray(pixels)), glyphs=None)


def share(color: Rgb) -> tuple[float, float, float]:
    return color[0] / 255, color[1] / 255, color[2] / 255


def plot_values(axes: Axes, chart: Chart, style: ChartStyle, font: FontProperties) -> None:
    places = range(len(chart.values))
    colors = [share(color) for color in style.colors]
    if chart.kind == "bar":
        axes.bar(places, chart.values, color=colors, width=0.6)
    else:
        axes.plot(places, chart.values, color=colors[0], marker="o", linewidth=2)
    ink = share(style.ink)
    axes.set_xticks(places, chart.labels, fontproperties=font, color=ink)
    axes.set_xlim(-0.6, len(chart.values) - 0.4)
    axes.set_ylim(0, 1.25 * max(chart.values))
    axes.locator_params(axis="y", nbins=4, integer=True)
    for label in axes.get_yticklabels():
        label.set(fontproperties=font, color=ink)
    axes.spines[["top", "right"]].set_visible(False)
    if style.grid:
        axes.grid(axis="y", color=share(style.faint))
    axes.set_axisbelow(True)
    for place, value in enumerate(chart.values if chart.shown else ()):
        axes.annotate(
            chart.value(place),
            (place, value),
            xytext=(0, 4 if chart.kind == "bar" else 8),
            textcoords="offset points",
            ha="center",
            fontproperties=font,
            color=ink,
            # The line does not run through a number.
            bbox={"facecolor": share(style.ground), "edgecolor": "none", "pad": 0},
        )
