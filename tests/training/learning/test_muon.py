from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import Muon

from training.learning.muon import Float32Muon, orthogonal
from training.learning.optimizer import build_muon


def matrix(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize("shape", [(8, 8), (8, 24), (24, 8)])
def test_singular_values_become_nearly_one(shape: tuple[int, int]) -> None:
    values = torch.linalg.svdvals(orthogonal(matrix(*shape)))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_an_update_is_what_torch_s_own_makes_of_it_up_to_bfloat16() -> None:
    moved = []
    for products in (torch.float32, torch.bfloat16):
        parameter = nn.Parameter(matrix(16, 40))
        optimizer = build_muon([parameter], products)
        optimizer.param_groups[0]["lr"] = 0.1
        for step in range(3):
            parameter.grad = matrix(16, 40) * (step + 1)
            optimizer.step()
        moved.append(parameter.detach() - matrix(16, 40))
    torch.testing.assert_close(moved[0], moved[1], atol=0.02 * float(moved[0].abs().max()), rtol=0)


def test_float32_products_have_their_own_muon() -> None:
    parameters = [nn.Parameter(matrix(4, 4))]
    assert isinstance(build_muon(parameters, torch.float32), Float32Muon)
    assert isinstance(build_muon(parameters, torch.bfloat16), Muon)
