"""Draws the losses of a training run, for the model card."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

LOSSES = {
    "answer": "answers, a token",
    "kind": "kind, a visual token",
    "color": "colour, a visual token",
    "place": "place, a visual token",
    "glyph": "character, a visual token",
}
SMALLEST = 1e-4  # what a logarithmic axis still shows
MOST_POINTS = 400  # of a line; a GPU writes ten thousands of rows, and nobody sees them


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """The rows of curve.jsonl by step; what was trained again after a stop replaces the first.

    There are none after a few steps, as a trial takes.
    """
    file = folder / "curve.jsonl"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    rows = {row["step"]: row for row in map(json.loads, lines)}
    return [rows[step] for step in sorted(rows)]


def smooth(values: list[float], weight: float = 0.9) -> list[float]:
    """An exponential mean, without the bias to its beginning."""
    mean, mass, smoothed = 0.0, 0.0, []
    for value in values:
        mean = weight * mean + (1 - weight) * value
        mass = weight * mass + 1 - weight
        smoothed.append(mean / mass)
    return smoothed


def thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS of them and the last one, evenly spread."""
    step = -(-len(points) // MOST_POINTS) or 1
    return [*points[:-1:step], *points[-1:]]


def draw_curve(rows: list[dict[str, Any]], out: Path) -> None:
    """Losses in nats over hours of training, one line each, and where phases begin."""
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for name, label in LOSSES.items():
        # A stretch of batches only for looking has no answers.
        points = [(row["minutes"] / 60, row[name]) for row in rows if row.get(name)]
        hours, values = [hour for hour, _ in points], [value for _, value in points]
        shown = thinned(list(zip(hours, smooth(values), strict=True)))
        hours, values = [hour for hour, _ in shown], [value for _, value in shown]
        axes.plot(hours, [max(value, SMALLEST) for value in values], label=label)
    for phase, members in groupby(rows, key=lambda row: row.get("phase", "")):
        start = next(members)["minutes"] / 60
        axes.axvline(start, color="gray", linewidth=0.5)
        axes.text(start, 1.0, f" {phase}", transform=axes.get_xaxis_transform(), va="bottom")
    axes.set(xlabel="hours", ylabel="loss, nats", yscale="log")
    axes.legend(frameon=False)
    with rc_context({"svg.hashsalt": "curve"}):  # else names within an SVG are random
        figure.savefig(out, bbox_inches="tight", metadata={"Date": None} if is_svg(out) else None)


def is_svg(out: Path) -> bool:
    return out.suffix == ".svg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".training"))
    parser.add_argument("--out", type=Path, default=Path("models/sightline-nano/curve.svg"))
    arguments = parser.parse_args()
    draw_curve(read_curve(arguments.folder), arguments.out)
    print(f"{arguments.out}: the losses of {arguments.folder / 'curve.jsonl'}")


if __name__ == "__main__":
    main()
