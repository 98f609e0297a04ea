"""A line over time as an SVG's points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sightline_web.language import translated

WIDTH, HEIGHT, MARGIN = 300.0, 64.0, 3.0
Values = Sequence[float | None]


@dataclass(frozen=True)
class Plot:
    """A figure's values over time, oldest first, at even distances; None is a gap.

    The vertical axis begins at 0 and ends at `top`, or at the largest value where that is None.
    """

    title: str
    values: Values
    write: Callable[[float], str]
    top: float | None = None

    @property
    def lines(self) -> list[str]:
        """The points of each piece without gaps, as `x,y x,y`."""
        pieces: list[list[str]] = [[]]
        for index, value in enumerate(self.values):
            if value is None:
                pieces.append([])
            else:
                pieces[-1].append(self._point(index, value))
        return [" ".join(piece if len(piece) > 1 else piece * 2) for piece in pieces if piece]

    @property
    def now(self) -> str:
        """The newest value in words."""
        return self.written(self.values[-1] if self.values else None)

    @property
    def summary(self) -> str:
        """What the line shows, for whoever does not see it."""
        known = [value for value in self.values if value is not None]
        if not known:
            return translated("{title}: nothing is known yet.", title=self.title)
        return translated(
            "{title}: now {now}, from {low} to {high}.",
            title=self.title,
            now=self.now,
            low=self.write(min(known)),
            high=self.write(max(known)),
        )

    def written(self, value: float | None) -> str:
        return "–" if value is None else self.write(value)

    def _point(self, index: int, value: float) -> str:
        top = self.top or max((each for each in self.values if each is not None), default=0) or 1
        x = WIDTH * index / max(1, len(self.values) - 1)
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(1.0, value / top)
        return f"{x:.1f},{y:.1f}"
