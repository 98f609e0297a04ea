"""Small statistics and the table that reports them."""

from __future__ import annotations

import math
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


def percentile(values: Sequence[float], percent: float) -> float:
    """Returns the smallest of `values` that `percent` per cent of them do not exceed.

    The nearest-rank definition: always a value that was measured, never one between two.
    """
    ordered = sorted(values)
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats rows as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
