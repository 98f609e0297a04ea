"""English for the things of a scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from training.world.scene import Shape

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLURALS = {"cross": "crosses"}
WHERE = {
    "top left": "at the top left",
    "top": "at the top",
    "top right": "at the top right",
    "left": "on the left",
    "center": "in the center",
    "right": "on the right",
    "bottom left": "at the bottom left",
    "bottom": "at the bottom",
    "bottom right": "at the bottom right",
}


def plural(noun: str) -> str:
    return PLURALS.get(noun, noun + "s")


def with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def there_are(count: int, noun: str) -> str:
    if count == 1:
        return f"There is one {noun}."
    return f"There are {NUMBERS[count]} {plural(noun)}."


def joined(parts: Sequence[str]) -> str:
    """a, b and c"""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def listed(shapes: Iterable[Shape]) -> str:
    """The shapes with their places, in the order given."""
    return joined([f"{with_article(shape.name)} {WHERE[shape.place]}" for shape in shapes])
