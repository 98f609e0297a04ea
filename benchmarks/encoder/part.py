"""A part of the encoder's benchmark: what it is told, and what it reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How a part runs: the checkpoint, rounds that count, clients, pictures of a turn.

    `seconds` bound a part's rounds: none begins later, but for the first. `device` is where
    both sides' towers run, in the element type that the encoder chooses there.
    """

    model: Path
    rounds: int
    clients: Sequence[int]
    num_pictures: int
    seconds: float = 600.0
    device: str = "cpu"

    @property
    def dtype(self) -> str:
        return "float32" if self.device == "cpu" else "bfloat16"

    def counted_rounds(self) -> Iterator[int]:
        """Yields the numbers of rounds, at least one, as long as there is time."""
        deadline = time.monotonic() + self.seconds
        for number in range(self.rounds):
            if number and time.monotonic() > deadline:
                return
            yield number


@dataclass(frozen=True)
class Section:
    """What a part found: text in Markdown, and raw figures that JSON can say."""

    title: str
    text: str
    facts: Mapping[str, Any]


Say = Callable[[str], None]
Part = Callable[[Options, Say], Section]
"""Measures something and says meanwhile how far it is."""
