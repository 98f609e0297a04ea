from __future__ import annotations

import pytest
import torch
from torch import nn

from training.learning.muon import Muon, orthogonalized

SHAPES = ((12, 8), (8, 12), (12, 8), (6, 6))


def matrices() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def give_gradients(parameters: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_steps_are_those_of_torchs_own_up_to_its_bfloat16() -> None:
    ours, theirs = matrices(), matrices()
    mine = Muon(ours, lr=0.1, weight_decay=0.02)
    torchs = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    for seed in range(4):
        give_gradients(ours, seed)
        give_gradients(theirs, seed)
        mine.step()
        torchs.step()
    for our, their, start in zip(ours, theirs, matrices(), strict=True):
        moved = (their - start).norm()
        assert (our - their).norm() < 0.03 * moved


@pytest.mark.parametrize("shape", [(5, 16, 9), (2, 9, 16), (1, 7, 7)])
def test_singular_values_are_drawn_near_one(shape: tuple[int, int, int]) -> None:
    stack = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalized(stack))
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_matrices_without_gradients_stay() -> None:
    parameters = matrices()
    give_gradients(parameters[1:], 0)
    Muon(parameters, lr=0.1, weight_decay=0.02).step()
    first, second = matrices()[:2]
    assert torch.equal(parameters[0], first)
    assert not torch.equal(parameters[1], second)
