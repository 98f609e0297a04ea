"""Two pictures of one form that say different things."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeAlias

from PIL import Image

DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Render: TypeAlias = Callable[[bool], Image.Image]


class Twin(NamedTuple):
    """An original, and the same with one detail changed."""

    original: Image.Image
    changed: Image.Image


Draw: TypeAlias = Callable[[Random], Twin]


def twin_of(render: Render) -> Twin:
    """Renders both; whatever is drawn at random must be drawn alike."""
    return Twin(render(False).convert("RGB"), render(True).convert("RGB"))


def another(rng: Random, character: str) -> str:
    """Returns a different digit for a digit, and a different letter for a letter."""
    pool = DIGITS if character.isdigit() else LETTERS
    other = rng.choice([each for each in pool if each != character.lower()])
    return other.upper() if character.isupper() else other


def with_one_changed(rng: Random, text: str, wanted: Callable[[str], bool]) -> str:
    """Changes one of the characters that are wanted; all else stays."""
    places = [place for place, character in enumerate(text) if wanted(character)]
    place = rng.choice(places)
    return text[:place] + another(rng, text[place]) + text[place + 1 :]


def is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
