"""The tower's layers as torch computes them, on any device and in any type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn.functional import linear

from sightline_encoder.gated_mlp import Activation, GatedMlp
from sightline_encoder.packed_attention import PackedAttention, Plan
from sightline_encoder.tower_layers import Layer, Projection, TowerLayers, interleaved

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


@dataclass(frozen=True)
class DenseProjection:
    """Multiplies by a weight [outputs, inputs] and adds a bias, if there is one."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return linear(hidden, self.weight, self.bias)


@dataclass(frozen=True)
class RmsNorm:
    """Normalises by the root mean square."""

    weight: torch.Tensor
    eps: float

    @classmethod
    def of(cls, module: Any) -> RmsNorm:
        return cls(module.weight, module.variance_epsilon)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.rms_norm(hidden, self.weight.shape, self.weight, self.eps)


@dataclass(frozen=True)
class Pass:
    """Holds what all layers of one forward pass share.

    `rotations` [num_patches, 1, head_size / 2] are complex, `plan` tells the attention
    where windows begin.
    """

    rotations: torch.Tensor
    plan: Plan


class SelfAttention:
    """Projects to query, key and value at once, rotates, attends, and projects back."""

    def __init__(self, module: Any, num_heads: int, attention: PackedAttention) -> None:
        self._num_heads = num_heads
        self._scale: float = (module.proj.weight.shape[1] // num_heads) ** -0.5
        self._attention = attention
        self._qkv = DenseProjection(*interleaved(module.qkv, self._num_heads))
        self._out = DenseProjection(module.proj.weight, module.proj.bias)

    def __call__(self, hidden: torch.Tensor, step: Pass) -> torch.Tensor:
        heads = self._qkv(hidden).view(len(hidden), 3 * self._num_heads, -1)
        _rotate(heads[:, : 2 * self._num_heads], step.rotations)
        query, key, value = torch.split(heads, self._num_heads, dim=1)
        attended = self._attention.forward(query, key, value, step.plan, self._scale)
        return self._out(attended.reshape(len(hidden), -1))


class Block:
    """Attention and MLP, each after a norm, each added to what came in."""

    def __init__(
        self, module: Any, num_heads: int, activation: Activation, attention: PackedAttention
    ) -> None:
        self._before_attention = RmsNorm.of(module.norm1)
        self._before_mlp = RmsNorm.of(module.norm2)
        self._attention = SelfAttention(module.attn, num_heads, attention)
        self._mlp = GatedMlp.of(module.mlp, activation, DenseProjection)

    def __call__(self, hidden: torch.Tensor, step: Pass) -> torch.Tensor:
        hidden = hidden + self._attention(self._before_attention(hidden), step)
        return hidden.add_(self._mlp(self._before_mlp(hidden)))


class TorchLayers(TowerLayers):
    """Layers of torch's operators around a packed attention."""

    def __init__(
        self,
        blocks: Sequence[Any],
        num_heads: int,
        activation: Activation,
        attention: PackedAttention,
    ) -> None:
        self.name = attention.name
        self._attention = attention
        self._blocks = [Block(block, num_heads, activation, attention) for block in blocks]

    def project(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Projection:
        return DenseProjection(weight, bias)

    def of_pass(self, rotations: torch.Tensor, lengths: Sequence[int]) -> Iterator[Layer]:
        step = Pass(rotations, self._attention.plan(lengths, rotations.device))
        return (partial(block, step=step) for block in self._blocks)


def _rotate(heads: torch.Tensor, rotations: torch.Tensor) -> None:
    """Rotates [num_patches, num_heads, head_size] in place; 16-bit types through float32."""
    pairs = (*heads.shape[:-1], -1, 2)
    if heads.dtype in _COMPLEX:
        torch.view_as_complex(heads.view(pairs)).mul_(rotations)
    else:
        turned = torch.view_as_complex(heads.float().view(pairs)) * rotations
        heads.copy_(torch.view_as_real(turned).flatten(-2))
