"""Asks the model about pictures that it never saw and prints a table.

Exits with status 3 if a bar is missed, or Chinese stays too far behind English; with --through if
the suite answers otherwise than plain transformers.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from training.build import MODEL_FOLDER
from training.card import read_world, write_scores
from training.examination.answering import Answerer
from training.examination.drawing import SceneDrawer, draw_prompts, drawn_by_world
from training.examination.exam import EXAMS, ITEMS, Exam
from training.examination.item import Item
from training.examination.score import Score, behind, grade, named, table
from training.examination.serving import Suite
from training.examination.sheet import Answered, choose, draw_sheet, question_of
from training.learning.compute import DEVICES, choose_device
from training.learning.machine import usable_cores
from training.talk.language import LANGUAGES

TILES = 24  # of the contact sheet
MISSED = 3  # exit status


def report_mistakes(items: Sequence[Item], answers: Sequence[str], most: int) -> None:
    wrong = [
        (item, answer)
        for item, answer in zip(items, answers, strict=True)
        if not item.grade(answer)
    ]
    for item, answer in wrong[:: max(1, len(wrong) // max(most, 1))][:most]:
        print(f"{item.cell}: {question_of(item)}")
        print(f"  expected {item.expected!r}\n  answered {answer!r}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--world", choices=EXAMS, help="the one that the model card names")
    parser.add_argument("--items", type=int, default=ITEMS, help="of each cell and language")
    parser.add_argument("--cells", nargs="*", default=[], help="these alone")
    parser.add_argument("--languages", nargs="*", default=[], choices=LANGUAGES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help=" or ".join(DEVICES))
    parser.add_argument("--batch-size", type=int, help="questions at once; fitted to the device")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of the CPU")
    parser.add_argument("--renderer", choices=("own", "browser"), default="own", help="of scenes")
    parser.add_argument(
        "--through", metavar="URL", help="also ask a running suite; succeeds if it answers the same"
    )
    parser.add_argument("--token", help="for a suite that wants one")
    parser.add_argument("--mistakes", type=int, default=0, help="print so many wrong answers")
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    parser.add_argument("--sheet", type=Path, help="also draw right and wrong answers")
    return parser.parse_args()


def draw_items(arguments: argparse.Namespace, exam: Exam) -> list[Item]:
    items = list(exam.draw(arguments.seed, arguments.items, arguments.cells, arguments.languages))
    if not items:
        sys.exit(f"No such cell; known are: {', '.join(exam.cells)}")
    return items


def scene_drawer(arguments: argparse.Namespace, exam: Exam) -> SceneDrawer:
    if arguments.renderer == "own":
        return drawn_by_world(exam.world)
    # Only this renderer needs a browser.
    from training.examination.browsing import draw_by_browser

    return draw_by_browser


def compare(items: Sequence[Item], ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether the suite's answers are those of plain transformers; prints those that are not."""
    pairs = list(zip(items, ours, theirs, strict=True))
    different = [pair for pair in pairs if as_told(pair[1]) != as_told(pair[2])]
    print(f"\n{len(pairs) - len(different)} of {len(pairs)} answers are the same through the suite")
    for item, one, other in different:
        print(f"{item.cell}: {question_of(item)}\n  transformers {one!r}\n  suite {other!r}")
    return not different


def as_told(answer: str) -> str:
    """Without the tokens around a thought, which the suite turns into fields of their own."""
    return re.sub(r"</?think>\n?", "", answer).strip()


def examine(arguments: argparse.Namespace) -> bool:
    """Whether everything is reached, or with --through everything is the same."""
    began = time.monotonic()
    exam = EXAMS[arguments.world or read_world(arguments.model)]
    items = draw_items(arguments, exam)
    prompts = draw_prompts(items, exam.world, scene_drawer(arguments, exam))
    answerer = Answerer.load(arguments.model, choose_device(arguments.device))
    answers = answerer.answer(prompts, arguments.batch_size)
    scores = grade(items, answers, exam.targets)
    report(scores)
    print(f"\n{len(items)} answers in {time.monotonic() - began:.0f} s")
    report_mistakes(items, answers, arguments.mistakes)
    if arguments.json:
        write_scores(arguments.json, scores)
    if arguments.sheet:
        answered = list(map(Answered, items, prompts, answers))
        draw_sheet(choose(answered, TILES)).save(arguments.sheet)
    if arguments.through:
        served = Suite.at(arguments.through, arguments.token).answer(prompts)
        return compare(items, answers, served)
    return all(score.passed for score in scores) and not behind(scores)


def report(scores: Sequence[Score]) -> None:
    print(table(scores))
    late = behind(scores)
    if late:
        print(f"\nChinese is too far behind English, by these points, in: {named(late)}")


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    try:
        passed = examine(arguments)
    except ValueError as error:
        sys.exit(f"evaluate: {error}")
    sys.exit(0 if passed else MISSED)


if __name__ == "__main__":
    main()
