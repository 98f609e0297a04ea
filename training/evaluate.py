"""Asks the model about unseen scenes and prints a table; fails if a target is missed."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from training.build import MODEL_FOLDER
from training.examination.answering import Answerer
from training.examination.exam import Item, draw_exam

TARGETS = {
    "color": 0.90,
    "shape": 0.90,
    "place": 0.90,
    "count": 0.80,
    "description": 0.60,
}
Z95 = 1.96


@dataclass(frozen=True)
class Score:
    """Right answers of a cell."""

    cell: str
    right: int
    total: int

    @property
    def share(self) -> float:
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        n, share = self.total, self.share
        middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        spread = math.sqrt(share * (1 - share) / n + (Z95 / (2 * n)) ** 2) * Z95 / (1 + Z95**2 / n)
        return middle - spread, middle + spread

    @property
    def target(self) -> float | None:
        return TARGETS.get(self.cell)

    @property
    def passed(self) -> bool:
        return self.target is None or self.share >= self.target


def grade(items: Sequence[Item], answers: Sequence[str]) -> list[Score]:
    """A score for each cell, in the order in which cells first appear."""
    cells = dict.fromkeys(item.cell for item in items)
    marks = [(item.cell, item.grade(answer)) for item, answer in zip(items, answers, strict=True)]
    return [
        Score(cell, sum(right for c, right in marks if c == cell), sum(c == cell for c, _ in marks))
        for cell in cells
    ]


def table(scores: Sequence[Score]) -> str:
    rows = ["| cell | right | n | 95 % interval | target |", "|---|---|---|---|---|"]
    for score in scores:
        low, high = score.interval
        target = "" if score.target is None else f"{score.target:.0%}"
        rows.append(
            f"| {score.cell} | {score.share:.1%} | {score.total} "
            f"| {low:.1%} – {high:.1%} | {target} |"
        )
    return "\n".join(rows)


def report_mistakes(items: Sequence[Item], answers: Sequence[str], most: int) -> None:
    wrong = [
        (item, answer)
        for item, answer in zip(items, answers, strict=True)
        if not item.grade(answer)
    ]
    for item, answer in wrong[:: max(1, len(wrong) // most)][:most]:
        print(f"{item.cell}: {item.prompt.messages[-1]['content']}")
        print(f"  expected {item.expected!r}\n  answered {answer!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mistakes", type=int, default=0, help="print so many wrong answers")
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    began = time.monotonic()
    items = list(draw_exam(arguments.seed, arguments.scenes))
    answers = Answerer.load(arguments.model).answer([item.prompt for item in items])
    scores = grade(items, answers)
    print(table(scores))
    print(f"\n{len(items)} answers in {time.monotonic() - began:.0f} s")
    report_mistakes(items, answers, arguments.mistakes)
    if arguments.json:
        rows = [[score.cell, score.right, score.total] for score in scores]
        arguments.json.write_text(json.dumps(rows) + "\n", encoding="utf-8")
    sys.exit(0 if all(score.passed for score in scores) else 1)


if __name__ == "__main__":
    main()
