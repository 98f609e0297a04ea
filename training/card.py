"""Writes the model card of weights of the whole world, from what training and examination left."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from safetensors import safe_open

from training.build import MODEL_FOLDER
from training.examination.exam import EXAMS
from training.examination.score import Score, behind, named, table
from training.export import table as phase_table
from training.learning.checkpoint import Checkpoint
from training.world.charts import MOST_VALUES
from training.world.scene import COLORS, KINDS, LONGEST_SIDE, MOST_ELONGATED, Limits
from training.world.words import MOST_WORDS

CARD = "README.md"
TEMPLATE = Path(__file__).with_suffix(".md")
# What the card says a model knows; `training.evaluate` examines in this world.
WORLD = re.compile(r"^sightline_world: *(\w+)$", re.M)
SCORES, BROWSER_SCORES = "scores.json", "browser.json"
MOST_LOST = 5.0  # points, to a renderer that training never used


def read_world(model: Path) -> str:
    """The world that a model's card names; the whole one for models whose card names none."""
    card = model / CARD
    found = WORLD.search(card.read_text("utf-8")) if card.is_file() else None
    if found and found[1] not in EXAMS:
        raise ValueError(f"{card} names the world {found[1]}; known are: {', '.join(EXAMS)}.")
    return found[1] if found else "whole"


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    rows = [[score.cell, score.language, score.right, score.total] for score in scores]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows) + "\n", encoding="utf-8")


def read_scores(path: Path) -> list[Score]:
    """With the targets of the whole world."""
    targets = EXAMS["whole"].targets
    rows = json.loads(path.read_text("utf-8"))
    return [
        Score(cell, language, right, total, targets.get(cell))
        for cell, language, right, total in rows
    ]


def told_behind(scores: Sequence[Score]) -> str:
    late = behind(scores)
    if not late:
        return "Chinese stays within three points of English wherever there is a target."
    allowed = "Chinese is more than the three points behind English that are allowed"
    return f"{allowed}, by these points, in: {named(late)}."


def told_browser(own: Sequence[Score], browser: Sequence[Score]) -> str:
    """What is lost on the same questions, all cells and languages together."""
    if not browser:
        return "It was not examined: there was no Chromium where these weights were made."
    known = {(score.cell, score.language): score for score in own}
    before = [known[score.cell, score.language] for score in browser]
    total = sum(score.total for score in browser)
    theirs, ours = (sum(score.right for score in scores) for scores in (browser, before))
    lost = 100 * (ours - theirs) / total
    verdict = "within" if lost <= MOST_LOST else "**beyond**"
    return (
        f"Of {total} questions {theirs} are answered right as the browser draws them and {ours} as "
        f"training's painters do: {lost:.1f} points are lost, {verdict} the five that are allowed."
    )


def parameters(model: Path) -> int:
    """How many numbers the weights hold."""
    with safe_open(model / "model.safetensors", "pt") as weights:
        names = weights.keys()
        return sum(math.prod(weights.get_slice(name).get_shape()) for name in names)


def card(model: Path, folder: Path, checkpoint: Path) -> str:
    """The card's text."""
    scores = read_scores(folder / SCORES)
    browser = folder / BROWSER_SCORES
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        parameters=f"{parameters(model) / 1e6:.1f}",
        longest=LONGEST_SIDE,
        elongated=f"{MOST_ELONGATED:g}",
        shapes=Limits().most_shapes,
        kinds=", ".join(KINDS),
        colors=", ".join(COLORS),
        words=MOST_WORDS,
        values=MOST_VALUES,
        scores=table(scores),
        behind=told_behind(scores),
        browser=told_browser(scores, read_scores(browser) if browser.is_file() else []),
        phases=phase_table(Checkpoint.load(checkpoint).phases),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--folder", type=Path, default=Path(".training"), help="of the scores")
    parser.add_argument("--checkpoint", type=Path, required=True, help="of the last phase")
    arguments = parser.parse_args()
    text = card(arguments.model, arguments.folder, arguments.checkpoint)
    (arguments.model / CARD).write_text(text, encoding="utf-8")
    print(f"{arguments.model / CARD}: the card")


if __name__ == "__main__":
    main()
