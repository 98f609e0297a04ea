from __future__ import annotations

import torch

from training.model.unused_rows import APART, spread_unused

WIDTH = 64


def table(unused: int, trained: int) -> torch.Tensor:
    """Unused rows first: nearly the same, four long."""
    generator = torch.Generator().manual_seed(0)
    pushed = torch.zeros(WIDTH)
    pushed[0] = -4.0
    near = pushed + 0.01 * torch.randn(unused, WIDTH, generator=generator)
    return torch.cat([near, 0.5 * torch.randn(trained, WIDTH, generator=generator)])


def test_unused_rows_are_told_apart_and_trained_ones_stay() -> None:
    rows = table(unused=200, trained=20)
    spread = spread_unused(rows)
    assert torch.equal(spread[200:], rows[200:])
    mean = rows[:200].mean(dim=0)
    assert torch.allclose(spread[:200].mean(dim=0), mean, atol=1e-5)
    assert abs((spread[:200] - mean).norm(dim=1).mean() - APART) < 1e-4
    cosines = torch.cosine_similarity(spread[:200] - mean, rows[:200] - mean)
    assert cosines.min() > 0.999


def test_a_table_without_unused_rows_stays() -> None:
    rows = table(unused=0, trained=50)
    assert torch.equal(spread_unused(rows), rows)
