"""Boxes as GLM-4V writes them: four numbers from 0 to 1000 between two special tokens.

Source: the grounding section of GLM-4.1V's and GLM-4.5V's documentation (zai-org/GLM-V).
"""

from __future__ import annotations

import re

from training.world.outlines import Box
from training.world.scene import Scene, Shape

SCALE = 1000
WRITTEN = re.compile(r"<\|begin_of_box\|>\[(\d+),(\d+),(\d+),(\d+)\]<\|end_of_box\|>")


def write_box(shape: Shape, scene: Scene) -> str:
    left, top, right, bottom = scaled_box(shape, scene)
    return f"<|begin_of_box|>[{left:.0f},{top:.0f},{right:.0f},{bottom:.0f}]<|end_of_box|>"


def scaled_box(shape: Shape, scene: Scene) -> Box:
    """Left, top, right, bottom in thousandths of the picture's sides."""
    left, top, right, bottom = shape.box
    across, down = SCALE / scene.width, SCALE / scene.height
    return left * across, top * down, right * across, bottom * down


def read_box(text: str) -> Box | None:
    """The box that a text is, or None if it is anything else."""
    match = WRITTEN.fullmatch(text.strip())
    if match is None:
        return None
    left, top, right, bottom = (float(number) for number in match.groups())
    return left, top, right, bottom


def overlap(one: Box, other: Box) -> float:
    """Intersection over union; 0 for boxes without an area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
