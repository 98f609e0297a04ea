from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image

from tests.training.world.printed import assert_boxes_hold_ink, spelt, without_spaces
from tests.training.world.test_fonts import needs_chinese
from training.world import chartplots
from training.world.backdrop import brightness
from training.world.canvas import in_world
from training.world.chartfigures import can_draw, draw_figure, draw_size, least_across
from training.world.chartplots import (
    NARROW_SIDE,
    collides,
    draw_bars,
    draw_chart_picture,
    draw_plot,
    plot_upright,
)
from training.world.charts import CHART_KINDS, Chart, ChartKind, draw_chart
from training.world.chartstyle import LEAST_LIGHT, axis_step, draw_chart_style
from training.world.fonts import Face
from training.world.scene import LONGEST_SIDE
from training.world.sheet import Sheet

SEEDS = range(12)
WHITE, RED = (255, 255, 255), (255, 0, 0)


def drawn(seed: int, kind: ChartKind) -> Chart:
    return draw_chart(Random(f"plot {seed}"), script="latin", kind=kind)


def assert_shows(spelling: str, chart: Chart) -> None:
    """Title, labels and values are printed, and beside them at most the numbers of an axis."""
    values = [chart.value(i) for i in range(len(chart.values))] if chart.shown else []
    wanted = Counter(without_spaces("".join((chart.title, *chart.labels, *values))))
    printed = Counter(spelling)
    assert not wanted - printed
    assert set(printed - wanted) <= set("0123456789")


@pytest.mark.parametrize("kind", CHART_KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_picture_shows_title_labels_and_values(kind: ChartKind, seed: int) -> None:
    chart = drawn(seed, kind)
    picture = draw_plot(Random(seed), chart, 1.0)
    assert_shows(spelt(picture), chart)
    assert_boxes_hold_ink(picture)


@needs_chinese
@pytest.mark.parametrize("seed", SEEDS)
def test_chinese_charts_show_the_same(seed: int) -> None:
    chart = draw_chart(Random(f"plot {seed}"), script="chinese")
    assert_shows(spelt(draw_plot(Random(seed), chart, 1.0)), chart)


def test_bars_are_as_high_as_their_values() -> None:
    chart = Chart("bar", "Sales", ("Mon", "Tue"), (10, 40))
    style = replace(draw_chart_style(Random(0), chart, 0.0), ground=WHITE, colors=(RED, RED))
    pixels = np.asarray(plot_upright(Random(1), chart, style).image)
    columns = (pixels == RED).all(axis=2).sum(axis=0)
    low, high = sorted(set(columns[columns > 0].tolist()))
    assert abs(4 * low - high) <= 4
    assert high > 60


def test_a_bar_of_almost_no_height_is_still_drawn() -> None:
    style = replace(draw_chart_style(Random(1), drawn(1, "bar"), 0.0), colors=(RED,))
    sheet = Sheet(Image.new("RGB", (40, 40), WHITE))
    draw_bars(sheet, style, [(20.0, 29.6)], 30.0, 10.0)
    assert sheet.image.getpixel((20, 29)) == RED


@pytest.mark.parametrize("seed", range(6))
def test_matplotlib_draws_bars_and_lines_without_knowing_glyphs(seed: int) -> None:
    rng = Random(seed)
    chart = drawn(seed, "line" if seed % 2 else "bar")
    style = draw_chart_style(rng, chart, 1.0)
    assert can_draw(chart, style)
    picture = draw_figure(rng, chart, style)
    assert picture.glyphs is None
    assert len(picture.image.convert("L").getcolors() or ()) > 10


def test_matplotlib_draws_no_pies() -> None:
    pie = drawn(0, "pie")
    assert not can_draw(pie, draw_chart_style(Random(0), pie, 1.0))


def test_colors_stand_out_from_the_ground() -> None:
    for seed in range(100):
        style = draw_chart_style(Random(seed), drawn(seed, "pie"), 1.0)
        for color in style.colors:
            assert abs(brightness(color) - brightness(style.ground)) >= LEAST_LIGHT


@pytest.mark.parametrize(("least", "step"), [(0.3, 1), (1.5, 2), (11, 20), (51, 100)])
def test_axis_steps_are_round_and_large_enough(least: float, step: int) -> None:
    assert axis_step(least) == step


def test_a_plot_with_text_over_text_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = [False, True, True]  # from the end
    monkeypatch.setattr(chartplots, "collides", lambda sheet: verdicts.pop())
    draw_plot(Random(0), drawn(0, "pie"), 1.0)
    assert verdicts == []


@pytest.mark.parametrize(("breadth", "longest"), [(0.0, NARROW_SIDE), (1.0, LONGEST_SIDE)])
def test_no_plot_is_too_large_or_too_long(breadth: float, longest: int) -> None:
    for seed in range(60):
        kind = CHART_KINDS[seed % len(CHART_KINDS)]
        picture = draw_plot(Random(seed), drawn(seed, kind), 1.0, breadth)
        assert in_world(picture.image.size, longest)


def test_no_figure_is_too_large_or_too_long() -> None:
    for seed in range(300):
        chart = drawn(seed, "line")
        style = draw_chart_style(Random(seed), chart, 1.0)
        if can_draw(chart, style):
            least = least_across(chart, style)
            assert in_world(draw_size(Random(seed), least, breadth=1.0))


def test_overlapping_text_collides() -> None:
    sheet = Sheet(Image.new("RGB", (200, 100)))
    sheet.write(20, 50, "one", Face(), 20, (255, 255, 255))
    assert not collides(sheet)
    sheet.write(24, 52, "two", Face(), 20, (255, 255, 255))
    assert collides(sheet)


def test_text_outside_the_picture_collides() -> None:
    sheet = Sheet(Image.new("RGB", (60, 40)))
    sheet.write(40, 30, "long", Face(), 20, (255, 255, 255))
    assert collides(sheet)


def test_a_picture_depends_on_the_seed_alone() -> None:
    first, second = (draw_chart_picture(Random(5), drawn(5, "bar")) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
