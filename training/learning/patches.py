"""The first layer of the vision tower, as what it is: one matrix product."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class PatchProjection(nn.Module):
    """A convolution whose kernel is the whole patch, with that convolution's own parameters.

    The same numbers under the same names. Libraries of convolutions have no fast way for tens of
    thousands of inputs of one output each, least of all backwards and in bfloat16.
    """

    def __init__(self, convolution: nn.Conv3d) -> None:
        super().__init__()
        assert convolution.bias is not None
        self.weight = convolution.weight
        self.bias = convolution.bias

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """float [patches, channels, frames, side, side] to [patches, hidden]."""
        return functional.linear(patches.flatten(1), self.weight.flatten(1), self.bias)
