"""Draws charts: most with Pillow, which is fast, and some with matplotlib."""

from __future__ import annotations

import math
from random import Random

from PIL import Image

from training.world.canvas import in_world, widened
from training.world.chartfigures import can_draw, draw_figure
from training.world.charts import Chart
from training.world.chartstyle import ChartStyle, axis_step, draw_chart_style
from training.world.outlines import Box
from training.world.picture import Picture
from training.world.scene import LONGEST_SIDE
from training.world.sheet import Sheet, width
from training.world.wear import wear

OVERSAMPLING = 3  # of what is round
NARROW_SIDE = 504  # pixels, the longest side at a breadth of 0
FIGURE_SHARE = 0.08  # by matplotlib, which takes ten times as long


def draw_chart_picture(
    rng: Random, chart: Chart, difficulty: float = 1.0, breadth: float = 1.0
) -> Picture:
    """With values, labels and title that nothing hides."""
    style = draw_chart_style(rng, chart, difficulty)
    if rng.random() < FIGURE_SHARE * difficulty and can_draw(chart, style):
        picture = draw_figure(rng, chart, style, breadth)
    else:
        picture = draw_plot(rng, chart, difficulty, breadth)
    image = wear(rng, picture.image) if difficulty > 0.25 else picture.image
    return Picture(image, glyphs=picture.glyphs)


def longest_side(breadth: float) -> int:
    """Pixels."""
    return round(widened(NARROW_SIDE, LONGEST_SIDE, breadth))


def draw_plot(rng: Random, chart: Chart, difficulty: float, breadth: float = 1.0) -> Picture:
    while True:
        sheet = plot(rng, chart, draw_chart_style(rng, chart, difficulty), breadth)
        if in_world(sheet.image.size, longest_side(breadth)) and not collides(sheet):
            return Picture(sheet.image, glyphs=tuple(sheet.glyphs))


def plot(rng: Random, chart: Chart, style: ChartStyle, breadth: float) -> Sheet:
    if chart.kind == "pie":
        return plot_pie(rng, chart, style, breadth)
    if chart.kind == "bar" and style.sideways:
        return plot_bars_sideways(rng, chart, style, breadth)
    return plot_upright(rng, chart, style, breadth)


def collides(sheet: Sheet) -> bool:
    """Whether characters overlap or leave the picture."""
    across, down = sheet.image.size
    boxes = [glyph.box for glyph in sheet.glyphs]
    if any(
        left < 0 or top < 0 or right > across or bottom > down for left, top, right, bottom in boxes
    ):
        return True
    return any(
        min(a[2], b[2]) - max(a[0], b[0]) > 2 and min(a[3], b[3]) - max(a[1], b[1]) > 2
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
    )


def write_title(sheet: Sheet, chart: Chart, style: ChartStyle) -> float:
    """Returns where the title ends, in pixels from the top."""
    baseline = 0.6 * style.size + style.size
    middle = sheet.image.width / 2
    sheet.write(middle, baseline, chart.title, style.face, style.size, style.ink, "m")
    return baseline + 0.5 * style.size


def widest(texts: tuple[str, ...], style: ChartStyle) -> float:
    return max(width(text, style.face, style.size) for text in texts)


def printed(chart: Chart) -> tuple[str, ...]:
    return tuple(chart.value(index) for index in range(len(chart.values)))


def ticks(chart: Chart, style: ChartStyle, height: float) -> list[int]:
    """The axis's numbers, as many as find room in so many pixels."""
    largest = max(chart.values)
    step = axis_step(largest * 1.6 * style.size / height)
    return list(range(0, largest + step, step))


def plot_upright(rng: Random, chart: Chart, style: ChartStyle, breadth: float = 1.0) -> Sheet:
    """Bars, or points with a line through them, from left to right."""
    size = style.size
    gap = rng.uniform(8, widened(30, 60, breadth))
    slot = max(widest(chart.labels, style), widest(printed(chart), style)) + gap
    left = 0.8 * size + (width("100", style.face, size) if style.axis else 0)
    across = round(max(196, left + slot * len(chart.labels) + 12))
    slot = (across - left - 12) / len(chart.labels)
    height = across * rng.uniform(widened(0.6, 0.34, breadth), widened(1.0, 1.7, breadth))
    down = round(min(longest_side(breadth), max(10 * size, height)))
    sheet = Sheet(Image.new("RGB", (across, down), style.ground))
    top = write_title(sheet, chart, style) + (1.2 if chart.kind == "bar" else 1.7) * size
    floor = down - 1.9 * size
    marks = ticks(chart, style, floor - top)
    scale = (floor - top) / (marks[-1] if style.axis else max(chart.values))
    draw_axis(sheet, marks, style, (left, floor, across - 8), scale)
    middles = [left + slot * (index + 0.5) for index in range(len(chart.labels))]
    points = [(x, floor - scale * v) for x, v in zip(middles, chart.values, strict=True)]
    if chart.kind == "bar":
        draw_bars(sheet, style, points, floor, slot * rng.uniform(0.45, 0.8))
    else:
        draw_line(rng, sheet, style, points)
    label_upright(sheet, chart, style, points, floor)
    return sheet


def draw_axis(
    sheet: Sheet,
    marks: list[int],
    style: ChartStyle,
    place: tuple[float, float, float],
    scale: float,
) -> None:
    """Grid lines and numbers of the axis; place: left, floor and right end."""
    left, floor, right = place
    for mark in reversed(marks if style.axis else []):
        y = floor - scale * mark
        if style.grid:
            sheet.draw.line((left, y, right, y), fill=style.faint)
        baseline = y + 0.36 * style.size
        sheet.write(left - 6, baseline, str(mark), style.face, style.size, style.ink, "r")
    sheet.draw.line((left, floor, right, floor), fill=style.ink, width=2)


def draw_bars(
    sheet: Sheet, style: ChartStyle, points: list[tuple[float, float]], floor: float, across: float
) -> None:
    bottom = floor - 1
    for (x, y), color in zip(points, style.colors, strict=True):
        # A small value beside a large one keeps a row of its own.
        top = min(y, bottom)
        sheet.draw.rectangle((x - across / 2, top, x + across / 2, bottom), fill=color)


def draw_line(
    rng: Random, sheet: Sheet, style: ChartStyle, points: list[tuple[float, float]]
) -> None:
    color, reach = style.colors[0], rng.uniform(4, 6)
    sheet.draw.line(points, fill=color, width=3, joint="curve")
    for x, y in points:
        sheet.draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=color)


def label_upright(
    sheet: Sheet,
    chart: Chart,
    style: ChartStyle,
    points: list[tuple[float, float]],
    floor: float,
) -> None:
    size = style.size
    for index, (x, y) in enumerate(points):
        if not chart.shown:
            break
        baseline = y - (0.3 * size if chart.kind == "bar" else 0.55 * size)
        half = width(chart.value(index), style.face, size) / 2 + 2
        # Grid lines and the line itself do not run through a number.
        box = (x - half, baseline - 0.8 * size, x + half, baseline + 2)
        sheet.draw.rectangle(box, fill=style.ground)
        sheet.write(x, baseline, chart.value(index), style.face, size, style.ink, "m")
    for label, (x, _) in zip(chart.labels, points, strict=True):
        sheet.write(x, floor + 1.25 * size, label, style.face, size, style.ink, "m")


def plot_bars_sideways(rng: Random, chart: Chart, style: ChartStyle, breadth: float = 1.0) -> Sheet:
    size = style.size
    left = widest(chart.labels, style) + 16
    room = widest(printed(chart), style) + 16
    longest_bar = rng.uniform(110, widened(240, 360, breadth))
    across = round(min(longest_side(breadth), left + room + longest_bar))
    pitch = size * rng.uniform(1.5, widened(2.2, 3.2, breadth))
    down = round(2.6 * size + pitch * len(chart.labels) + 0.4 * size)
    sheet = Sheet(Image.new("RGB", (across, max(112, down)), style.ground))
    top = write_title(sheet, chart, style) + 0.4 * size
    scale = (across - left - room) / max(chart.values)
    thick = pitch * rng.uniform(0.5, 0.75)
    for index, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True)):
        y = top + pitch * (index + 0.5)
        baseline = y + 0.36 * size
        sheet.write(left - 8, baseline, label, style.face, size, style.ink, "r")
        box = (left, y - thick / 2, left + scale * value, y + thick / 2)
        sheet.draw.rectangle(box, fill=style.colors[index])
        if chart.shown:
            x = box[2] + 6
            sheet.write(x, baseline, chart.value(index), style.face, size, style.ink)
    sheet.draw.line((left, top, left, top + pitch * len(chart.labels)), fill=style.ink, width=2)
    return sheet


def plot_pie(rng: Random, chart: Chart, style: ChartStyle, breadth: float = 1.0) -> Sheet:
    size, radius = style.size, rng.uniform(50, widened(85, 130, breadth))
    texts = tuple(pie_label(chart, index) for index in range(len(chart.labels)))
    side = widest(texts, style) + 16
    pad = 14.0
    if style.legend:
        across, down = 2 * radius + side + size + 3 * pad, 2 * radius + 2 * pad
        down = max(down, 1.5 * size * len(texts) + pad)
        center = (pad + radius, down / 2)
    else:
        across, down = 2 * (radius + side + pad), 2 * radius + 3.2 * size + 2 * pad
        center = (across / 2, down / 2)
    head = 1.8 * size
    sheet = Sheet(Image.new("RGB", (round(across), max(112, round(down + head))), style.ground))
    write_title(sheet, chart, style)
    center = center[0], center[1] + head
    box = (center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius)
    start = rng.uniform(0, 360)
    paint_slices(sheet, chart, style, box, start)
    if style.legend:
        label_in_legend(sheet, texts, style, (box[2] + 2 * pad, center[1]))
    else:
        label_around(sheet, chart, texts, style, center, radius, start)
    return sheet


def pie_label(chart: Chart, index: int) -> str:
    label = chart.labels[index]
    return f"{label} {chart.value(index)}" if chart.shown else label


def paint_slices(sheet: Sheet, chart: Chart, style: ChartStyle, box: Box, start: float) -> None:
    side = round(box[2] - box[0])
    large = side * OVERSAMPLING
    pie = Sheet(Image.new("RGB", (large, large), style.ground))
    for value, color in zip(chart.values, style.colors, strict=True):
        end = start + 3.6 * value
        outline = style.ground
        pie.draw.pieslice(
            (0, 0, large - 1, large - 1), start, end, fill=color, outline=outline, width=5
        )
        start = end
    small = pie.image.resize((side, side), Image.Resampling.BOX)
    sheet.image.paste(small, (round(box[0]), round(box[1])))


def label_in_legend(
    sheet: Sheet, texts: tuple[str, ...], style: ChartStyle, place: tuple[float, float]
) -> None:
    """place: the middle of the legend's left side."""
    size, pitch = style.size, 1.5 * style.size
    y = place[1] - pitch * len(texts) / 2
    for text, color in zip(texts, style.colors, strict=True):
        baseline = y + 1.1 * size
        box = (place[0], baseline - 0.7 * size, place[0] + 0.7 * size, baseline)
        sheet.draw.rectangle(box, fill=color)
        sheet.write(place[0] + 1.1 * size, baseline, text, style.face, size, style.ink)
        y += pitch


def label_around(
    sheet: Sheet,
    chart: Chart,
    texts: tuple[str, ...],
    style: ChartStyle,
    center: tuple[float, float],
    radius: float,
    start: float,
) -> None:
    for text, value in zip(texts, chart.values, strict=True):
        angle = math.radians(start + 1.8 * value)
        start += 3.6 * value
        x = center[0] + (radius + 8) * math.cos(angle)
        y = center[1] + (radius + 0.7 * style.size) * math.sin(angle)
        anchor = "l" if math.cos(angle) > 0.25 else "r" if math.cos(angle) < -0.25 else "m"
        sheet.write(x, y + 0.36 * style.size, text, style.face, style.size, style.ink, anchor)
