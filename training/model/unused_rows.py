"""Rows of the output table whose tokens no answer ever held."""

from __future__ import annotations

import torch

NEAR = 1 / 8  # of the middle row's length: what is no farther from it was never an answer's token
APART = 1.0  # from their mean, on average; rows of trained tokens lie some four apart


def spread_unused(rows: torch.Tensor) -> torch.Tensor:
    """The same table, with rows of unused tokens farther from each other; float32 [tokens, hidden].

    Training pushes them all the same way, away from every answer, and leaves between them nothing
    but a trace of their random start. Then no adapter can tell one new word from another. Their
    mean stays, so that on average they are as unlikely as before. They are found by the middle of
    all rows, so they must be the most; otherwise nothing changes.
    """
    middle = rows.median(dim=0).values
    unused = (rows - middle).norm(dim=1) < NEAR * middle.norm()
    if not unused.any():
        return rows
    mean = rows[unused].mean(dim=0)
    apart = rows[unused] - mean
    spread = rows.clone()
    spread[unused] = mean + apart * (APART / apart.norm(dim=1).mean().clamp(min=1e-6))
    return spread
