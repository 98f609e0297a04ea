"""Places in a picture that an answer names, in thousandths of its sides.

GLM-4V writes them as `<|begin_of_box|>[x1,y1,x2,y2]<|end_of_box|>`, several as a list of lists;
the same marks also stand around ordinary final answers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARKS = re.compile(r"<\|(?:begin|end)_of_box\|>")
_MARKED = re.compile(r"<\|begin_of_box\|>(.*?)<\|end_of_box\|>", re.DOTALL)
_FOUR = re.compile(r"\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]")
MAX_COORDINATE = 1000
MAX_BOXES = 100


class Box(NamedTuple):
    """A rectangle in thousandths of the picture's width and height."""

    left: int
    top: int
    width: int
    height: int


def without_marks(text: str) -> str:
    """Returns an answer without the marks around its boxes."""
    return _MARKS.sub("", text) if "_of_box|>" in text else text


def boxes_in(text: str) -> list[Box]:
    """Returns the boxes that an answer marks; what is not a rectangle is left out."""
    found = [four for marked in _MARKED.findall(text) for four in _FOUR.findall(marked)]
    boxes = (_box(*map(int, four)) for four in found[:MAX_BOXES])
    return [box for box in boxes if box is not None]


def _box(left: int, top: int, right: int, bottom: int) -> Box | None:
    if not (left < right <= MAX_COORDINATE and top < bottom <= MAX_COORDINATE):
        return None
    return Box(left, top, right - left, bottom - top)
