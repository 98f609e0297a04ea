"""Right answers counted, with their intervals and bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.examination.item import Item
from training.talk.language import LANGUAGES, Language

Z95 = 1.96
MOST_BEHIND = 0.03  # how far Chinese may stay behind English


@dataclass(frozen=True)
class Score:
    """Right answers of a cell in one language; `target` is the share to be reached."""

    cell: str
    language: Language
    right: int
    total: int
    target: float | None = None

    @property
    def share(self) -> float:
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (E. B. Wilson, JASA 22, 1927)."""
        n, share = self.total, self.share
        middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        spread = math.sqrt(share * (1 - share) / n + (Z95 / (2 * n)) ** 2) * Z95 / (1 + Z95**2 / n)
        return max(0.0, middle - spread), middle + spread

    @property
    def passed(self) -> bool:
        return self.target is None or self.share >= self.target

    @property
    def missed(self) -> float:
        """By how many percentage points."""
        return 0.0 if self.passed or self.target is None else 100 * (self.target - self.share)


def grade(
    items: Sequence[Item], answers: Sequence[str], targets: Mapping[str, float | None]
) -> list[Score]:
    """A score for each cell and language, in the order in which they first appear."""
    marks: dict[tuple[str, Language], list[bool]] = {}
    for item, answer in zip(items, answers, strict=True):
        marks.setdefault((item.cell, item.language), []).append(item.grade(answer))
    return [
        Score(cell, language, sum(right), len(right), targets.get(cell))
        for (cell, language), right in marks.items()
    ]


def behind(scores: Sequence[Score]) -> dict[str, float]:
    """By how many points Chinese is behind English, where that is too far and there is a bar."""
    shares = {(score.cell, score.language): score.share for score in scores if score.target}
    return {
        cell: 100 * (shares[cell, "en"] - shares[cell, "zh"])
        for cell, language in shares
        if language == "zh"
        and (cell, "en") in shares
        and shares[cell, "zh"] < shares[cell, "en"] - MOST_BEHIND
    }


def named(behind: Mapping[str, float]) -> str:
    """As a list for a reader, the farthest first."""
    ordered = sorted(behind.items(), key=lambda item: -item[1])
    return ", ".join(f"{cell} ({points:.1f})" for cell, points in ordered)


def table(scores: Sequence[Score]) -> str:
    """A row for each cell, a column for each language examined.

    Behind a ✗ stands by how many points a target is missed.
    """
    known = {(score.cell, score.language): score for score in scores}
    languages = [language for language in LANGUAGES if any(key[1] == language for key in known)]
    head = ["cell", *languages, "n", "target"]
    rows = [head, ["---"] * len(head)]
    for cell in dict.fromkeys(score.cell for score in scores):
        row = [known.get((cell, language)) for language in languages]
        some = next(score for score in row if score is not None)
        target = "" if some.target is None else f"{some.target:.0%}"
        rows.append([cell, *(shown(score) for score in row), str(some.total), target])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def shown(score: Score | None) -> str:
    if score is None:
        return ""
    low, high = score.interval
    missed = "" if score.passed else f" ✗ {score.missed:.1f}"
    return f"{score.share:.1%} ({low:.1%} – {high:.1%}){missed}"
