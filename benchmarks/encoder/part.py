"""A part of the encoder's benchmark: what it is told, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How a part runs: the checkpoint, rounds that count, clients, pictures of a turn."""

    model: Path
    rounds: int
    clients: Sequence[int]
    num_pictures: int


@dataclass(frozen=True)
class Section:
    """What a part found: text in Markdown, and raw figures that JSON can say."""

    title: str
    text: str
    facts: Mapping[str, Any]


Say = Callable[[str], None]
Part = Callable[[Options, Say], Section]
"""Measures something and says meanwhile how far it is."""
