"""Small statistics and the table that reports them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One streamed answer: seconds to its first token, seconds in all, tokens."""

    time_to_first_token_s: float
    total_s: float
    token_count: int


def median(values: Sequence[float]) -> float:
    """Returns the median of at least one value."""
    return statistics.median(values)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats rows as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
