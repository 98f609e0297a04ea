"""One thing that the model is asked, and what makes an answer right."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from training.examination.parsing import Claim, claims, truth
from training.learning.sample import Subject
from training.processing import Message
from training.talk.box import overlap, read_box, scaled_box
from training.talk.language import Language
from training.talk.tongue import Tongue
from training.world.scene import Scene, Shape

LEAST_OVERLAP = 0.5  # intersection over union

Grader = Callable[[str], bool]


@dataclass(frozen=True)
class Item:
    """A conversation that waits for its next answer.

    cell: the row of the table that it counts in; subjects: what its pictures show, in order;
    seed: of all that is left open in drawing them.
    """

    cell: str
    language: Language
    messages: list[Message]
    subjects: tuple[Subject, ...]
    seed: str
    expected: str
    grade: Grader
    thinking: bool = False


def exact(expected: str) -> Grader:
    return lambda answer: answer.strip() == expected


def same_verdict(expected: str, tongue: Tongue) -> Grader:
    """Only yes or no counts."""
    comma = "，" if tongue.language == "zh" else ","
    return lambda answer: answer.strip().split(comma)[0] == expected.split(comma)[0]


def same_claims(scene: Scene, tongue: Tongue) -> Grader:
    return lambda answer: claims(answer, tongue) == truth(scene)


def same_list(scene: Scene) -> Grader:
    """JSON with the same shapes in any order."""
    return lambda answer: listed(answer) == truth(scene)


def listed(answer: str) -> Counter[Claim] | None:
    try:
        return Counter((row["color"], row["shape"], row["place"]) for row in json.loads(answer))
    except (json.JSONDecodeError, KeyError, TypeError):
        return None


def near_box(shape: Shape, scene: Scene) -> Grader:
    """A box that overlaps with the shape's enough."""
    wanted = scaled_box(shape, scene)

    def grade(answer: str) -> bool:
        box = read_box(answer)
        return box is not None and overlap(box, wanted) >= LEAST_OVERLAP

    return grade
