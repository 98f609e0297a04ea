"""Bar, line and pie charts with a title and two to six labelled values."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from training.world.fonts import chinese_faces
from training.world.wordlists import CHART_TITLES, LABELS, Script

ChartKind = Literal["bar", "line", "pie"]
CHART_KINDS: tuple[ChartKind, ...] = get_args(ChartKind)

FEWEST_VALUES = 2
MOST_VALUES = 6
LARGEST_VALUE = 100
# The largest and the smallest value differ from the next one by this share of the largest.
LEAST_LEAD = 0.08
LEAST_HIDDEN_LEAD = 0.15  # where the values are not printed
SMALLEST_SLICE = 0.07  # of a pie
CHINESE_SHARE = 0.35
HIDDEN_SHARE = 0.12  # of charts without printed values


@dataclass(frozen=True)
class Chart:
    """What a chart shows; one value for each label, in the order drawn.

    unit: printed behind each value. shown: whether the values themselves are printed.
    """

    kind: ChartKind
    title: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    unit: str = ""
    shown: bool = True

    @property
    def largest(self) -> int:
        """Its index."""
        return self.values.index(max(self.values))

    @property
    def smallest(self) -> int:
        """Its index."""
        return self.values.index(min(self.values))

    def value(self, index: int) -> str:
        """As it is printed."""
        return f"{self.values[index]}{self.unit}"


def draw_chart(
    rng: Random,
    difficulty: float = 1.0,
    script: Script | None = None,
    kind: ChartKind | None = None,
) -> Chart:
    if script is None:
        chinese = bool(chinese_faces()) and rng.random() < CHINESE_SHARE
        script = "chinese" if chinese else "latin"
    kind = kind or rng.choices(CHART_KINDS, (0.5, 0.25, 0.25))[0]
    family = rng.choice(LABELS[script])
    most = min(len(family), 3 + round(difficulty * (MOST_VALUES - 3)))
    labels = draw_labels(rng, family, rng.randint(FEWEST_VALUES, most))
    shown = rng.random() >= HIDDEN_SHARE * difficulty
    lead = LEAST_LEAD if shown else LEAST_HIDDEN_LEAD
    draw = draw_shares if kind == "pie" else draw_values
    return Chart(
        kind=kind,
        title=rng.choice(CHART_TITLES[script]),
        labels=labels,
        values=draw(rng, len(labels), lead),
        unit="%" if kind == "pie" else rng.choice(("", "", "", "%")),
        shown=shown,
    )


def draw_labels(rng: Random, family: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Neighbours in their order, as months are, or any in any order."""
    if rng.random() < 0.5:
        start = rng.randint(0, len(family) - count)
        return family[start : start + count]
    return tuple(rng.sample(family, count))


def draw_values(rng: Random, count: int, lead: float) -> tuple[int, ...]:
    top = rng.choice((10, 20, 50, LARGEST_VALUE))
    while True:
        values = tuple(rng.randint(1, top) for _ in range(count))
        if stands_out(values, lead):
            return values


def draw_shares(rng: Random, count: int, lead: float) -> tuple[int, ...]:
    """Hundredths of a whole."""
    while True:
        cuts = sorted(rng.sample(range(1, 100), count - 1))
        shares = tuple(b - a for a, b in zip((0, *cuts), (*cuts, 100), strict=True))
        if min(shares) >= 100 * SMALLEST_SLICE and stands_out(shares, lead):
            return shares


def stands_out(values: tuple[int, ...], lead: float) -> bool:
    """Whether nobody disputes which value is the largest and which the smallest."""
    ordered = sorted(values)
    least = max(1.0, lead * ordered[-1])
    return ordered[-1] - ordered[-2] >= least and ordered[1] - ordered[0] >= least
