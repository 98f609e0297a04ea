"""Muon over stacks of equal matrices, in the precision that the machine multiplies fast."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

MOMENTUM = 0.95
STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic in Keller Jordan's "Muon: an optimizer for hidden layers" (2024)."""
RMS = 0.2
"""Updates are scaled to AdamW's usual root mean square ("Muon is scalable", 2025)."""


class Muon(Optimizer):
    """Nesterov momentum whose matrices are made nearly orthogonal before they are applied.

    torch's own class iterates in bfloat16 always, which takes CPUs without such
    instructions twenty times as long, and one matrix after the other.
    """

    def __init__(self, matrices: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Applies the gradients."""
        for group in self.param_groups:
            for stack in _by_shape(group["params"]):
                self._apply(stack, group["lr"], group["weight_decay"])

    def _apply(self, stack: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        matrices: list[torch.Tensor] = list(stack)
        gradients = [matrix.grad for matrix in stack if matrix.grad is not None]
        averages = [self._average(matrix) for matrix in stack]
        torch._foreach_lerp_(averages, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, averages, MOMENTUM)
        updates = orthogonalized(torch.stack(ahead))
        rate = lr * RMS * math.sqrt(max(stack[0].shape))
        torch._foreach_mul_(matrices, 1 - lr * weight_decay)
        torch._foreach_add_(matrices, updates.unbind(), alpha=-rate)

    def _average(self, matrix: nn.Parameter) -> torch.Tensor:
        state: dict[str, Any] = self.state[matrix]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        average: torch.Tensor = state["momentum_buffer"]
        return average


def orthogonalized(stack: torch.Tensor) -> torch.Tensor:
    """Returns matrices [n, rows, columns] with singular values drawn near one, in float32."""
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    if x.is_cuda:
        x = x.bfloat16()
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).float()


def _by_shape(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    stacks: defaultdict[torch.Size, list[nn.Parameter]] = defaultdict(list)
    for parameter in parameters:
        if parameter.grad is not None:
            stacks[parameter.shape].append(parameter)
    return list(stacks.values())
