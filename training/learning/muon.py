"""Muon in float32, for machines without bfloat16 products."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, as in torch's own
ITERATIONS = 5
SMALLEST_NORM = 1e-7
RMS_OF_ADAMW = 0.2


class Float32Muon(Optimizer):
    """What `torch.optim.Muon` does with nesterov and `match_rms_adamw`, and the same state.

    NOTE: torch's own always multiplies in bfloat16, which a CPU without such products emulates:
    a step of this model takes half a minute there, and half a second here.
    """

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, group["lr"], group["weight_decay"], group["momentum"])

    def update(self, parameter: nn.Parameter, lr: float, decay: float, momentum: float) -> None:
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        mean = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        direction = orthogonal(gradient.lerp(mean, momentum))
        parameter.mul_(1 - lr * decay)
        parameter.add_(direction, alpha=-lr * RMS_OF_ADAMW * max(parameter.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Nearly the matrix with all its singular values made one, by Newton and Schulz."""
    first, third, fifth = COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = wide @ wide.T
        wide = torch.addmm(
            wide, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), wide, beta=first
        )
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
