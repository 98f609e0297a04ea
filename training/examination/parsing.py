"""Reads a description back into what it claims."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from training.talk.tongue import Tongue
from training.world.scene import Scene

Claim = tuple[str, str, str]  # colour, kind, place

# Between two shapes, and what is said of one.
SYNTAX = {
    "en": (r", | and ", r"an? {color} {kind} {place}"),
    "zh": (r"，", r"{place}有一个{color}{kind}"),
}


def claims(description: str, tongue: Tongue) -> Counter[Claim] | None:
    """The shapes that a description names, or None if it says anything else."""
    between, syntax = SYNTAX[tongue.language]
    pattern = syntax.format(
        color=any_of("color", tongue.colors),
        kind=any_of("kind", tongue.kinds),
        place=any_of("place", tongue.places),
    )
    text = description.strip().removesuffix(tongue.sentence("x")[1:])
    text = text[:1].lower() + text[1:]
    found: Counter[Claim] = Counter()
    for part in re.split(between, text):
        match = re.fullmatch(pattern, part)
        if match is None:
            return None
        color = meaning(match.group("color"), tongue.colors)
        kind = meaning(match.group("kind"), tongue.kinds)
        found[color, kind, meaning(match.group("place"), tongue.places)] += 1
    return found


def any_of(name: str, words: Mapping[str, str]) -> str:
    return f"(?P<{name}>{'|'.join(words.values())})"


def meaning(word: str, words: Mapping[str, str]) -> str:
    return next(key for key, value in words.items() if value == word)


def truth(scene: Scene) -> Counter[Claim]:
    return Counter((shape.color, shape.kind, shape.place) for shape in scene.shapes)
