"""M-RoPE positions, as transformers' `get_rope_index` gives them, and of branches.

They are found where a batch is drawn: on a GPU, going through the sequences one by one would take
longer than the rest of the step.
"""

from __future__ import annotations

from itertools import groupby

import torch

MERGED = 2  # patches a side that become one visual token


def mrope_positions(
    pictures: torch.Tensor, branches: torch.Tensor, grid: torch.Tensor
) -> torch.Tensor:
    """In time, height and width, int64 [3, tokens]; each branch follows on branch 0.

    pictures: bool [tokens], true for visual tokens; branches: int64 [tokens], see `Encoded`;
    grid: int64 [pictures, 3], patches in time, height and width.
    """
    sizes = iter((grid[:, 1:] // MERGED).tolist())
    start, pieces = 0, [torch.empty(3, 0, dtype=torch.long)]
    for is_picture, run in groupby(pictures.tolist()):
        if is_picture:
            rows, columns = next(sizes)
            pieces.append(start + within_picture(rows, columns))
            start += max(rows, columns)
        else:
            count = len(list(run))
            pieces.append((start + torch.arange(count)).expand(3, -1))
            start += count
    return torch.cat(pieces, dim=1) - shifts(branches[None])


def within_picture(rows: int, columns: int) -> torch.Tensor:
    """int64 [3, rows * columns]"""
    down = torch.arange(rows).repeat_interleave(columns)
    across = torch.arange(columns).repeat(rows)
    return torch.stack([torch.zeros_like(down), down, across])


def shifts(branches: torch.Tensor) -> torch.Tensor:
    """How far each token lies behind where its branch would begin, int64 [sequences, tokens].

    NOTE: pictures are in branch 0, or there is one branch only; so a branch begins as many
    positions as tokens after the first one.
    """
    indices = torch.arange(branches.shape[1], device=branches.device).expand_as(branches)
    starts = torch.zeros_like(branches)
    starts[:, 1:] = torch.where(branches[:, 1:] != branches[:, :-1], indices[:, 1:], 0)
    own = starts.cummax(dim=1).values
    first = (branches == 0).sum(dim=1, keepdim=True)
    return torch.where(branches > 0, own - first, 0)
