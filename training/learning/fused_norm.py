"""Normalization by the root mean square, in one operation instead of six."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers.models.glm4v.modeling_glm4v import Glm4vRMSNorm


class FusedNorm(nn.Module):
    """transformers' own, with its parameter."""

    def __init__(self, norm: Glm4vRMSNorm) -> None:
        super().__init__()
        self.weight, self.epsilon = norm.weight, norm.variance_epsilon

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Computes in float32, and returns it."""
        return functional.rms_norm(
            hidden_states.float(), self.weight.shape, self.weight, self.epsilon
        )


def fuse_norms(model: nn.Module) -> None:
    """Replaces the norms in place; names of parameters stay."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Glm4vRMSNorm):
                setattr(module, name, FusedNorm(child))
