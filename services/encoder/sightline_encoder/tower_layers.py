"""What a lean tower needs of its layers, and what all kinds of layers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

Layer = Callable[[torch.Tensor], torch.Tensor]
"""Maps hidden states [num_patches, hidden_size] to the next layer's; may overwrite them."""
Projection = Callable[[torch.Tensor], torch.Tensor]
"""Maps rows [num_rows, in_features] to [num_rows, out_features]."""


class TowerLayers(ABC):
    """All layers of one tower, and the products around them."""

    name: str
    """Says how attention is computed: another way rounds differently."""

    @abstractmethod
    def project(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Projection:
        """Returns the product with a weight [out_features, in_features], and the bias' addition."""

    @abstractmethod
    def of_pass(self, rotations: torch.Tensor, lengths: Sequence[int]) -> Iterator[Layer]:
        """Yields the layers over packed windows of so many patches each.

        `rotations` [num_patches, 1, head_size / 2] are complex.
        """

    def use_threads(self, count: int) -> None:
        """Lets the calling thread compute with so many threads from now on."""
        torch.set_num_threads(count)


def interleaved(qkv: Any, num_heads: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Reorders queries and keys so that the two numbers of each rotated pair are neighbours.

    Their products do not depend on the order, and a pair becomes one complex number. Returns
    weight and bias.
    """
    head_size = len(qkv.weight) // 3 // num_heads
    halves = torch.arange(head_size, device=qkv.weight.device).view(2, -1)
    order = torch.arange(len(qkv.weight), device=qkv.weight.device).view(3, num_heads, -1)
    order[:2] = order[:2, :, halves.t().flatten()]
    rows = order.flatten()
    return qkv.weight[rows], None if qkv.bias is None else qkv.bias[rows]


def gate_over_up(mlp: Any) -> torch.Tensor:
    """Fuses a checkpoint's two projections into one weight [2 * inner, hidden_size]."""
    return torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
