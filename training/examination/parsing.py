"""Reads a description back into what it claims."""

from __future__ import annotations

import re
from collections import Counter

from training.talk.phrases import WHERE
from training.world.scene import COLORS, KINDS, Scene

Claim = tuple[str, str, str]  # colour, kind, place

PLACE_OF = {where: place for place, where in WHERE.items()}
# Longer places first: "at the top" is also the beginning of "at the top left".
CLAIM = re.compile(
    rf"an? ({'|'.join(COLORS)}) ({'|'.join(KINDS)}) "
    rf"({'|'.join(sorted(PLACE_OF, key=len, reverse=True))})"
)


def claims(description: str) -> Counter[Claim] | None:
    """The shapes that a description names, or None if it says anything else."""
    text = description.strip().removesuffix(".")
    text = text[:1].lower() + text[1:]
    found: Counter[Claim] = Counter()
    for part in re.split(r", | and ", text):
        match = CLAIM.fullmatch(part)
        if match is None:
            return None
        color, kind, where = match.groups()
        found[color, kind, PLACE_OF[where]] += 1
    return found


def truth(scene: Scene) -> Counter[Claim]:
    return Counter((shape.color, shape.kind, shape.place) for shape in scene.shapes)
