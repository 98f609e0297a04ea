"""GLM-4V's vision tower over packed windows: what the checkpoint means, and little else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import gelu, layer_norm, linear, silu

from sightline_encoder.packed_attention import PackedAttention, Plan
from sightline_encoder.positions import PositionTables, axial_frequencies
from sightline_encoder.tower_weights import TowerWeights
from sightline_encoder.window import Window

Activation = Callable[[torch.Tensor], torch.Tensor]

_ROWS_AT_ONCE = 1024
"""On CPUs an MLP takes this many rows at a time: what lies between stays in the caches."""
_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


@dataclass(frozen=True)
class Projection:
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
class GatedMlp:
    """Multiplies one half of a projection by the activated other half."""

    gate_up: Projection
    down: Projection
    activation: Activation

    @classmethod
    def of(cls, module: Any, activation: Activation) -> GatedMlp:
        """Fuses a checkpoint's two projections into one."""
        gate_up = torch.cat([module.gate_proj.weight, module.up_proj.weight])
        return cls(Projection(gate_up), Projection(module.down_proj.weight), activation)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        if hidden.device.type != "cpu" or len(hidden) <= _ROWS_AT_ONCE:
            return self._at_once(hidden)
        return torch.cat([self._at_once(rows) for rows in torch.split(hidden, _ROWS_AT_ONCE)])

    def _at_once(self, hidden: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up(hidden).chunk(2, dim=-1)
        return self.down(self.activation(gate).mul_(up))


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
        self._qkv = _interleaved(module.qkv, self._num_heads)
        self._out = Projection(module.proj.weight, module.proj.bias)

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
        self._mlp = GatedMlp.of(module.mlp, activation)

    def __call__(self, hidden: torch.Tensor, step: Pass) -> torch.Tensor:
        hidden = hidden + self._attention(self._before_attention(hidden), step)
        return hidden.add_(self._mlp(self._before_mlp(hidden)))


class Merger:
    """Turns cells of merge_size x merge_size patches into the language model's tokens."""

    def __init__(self, module: TowerWeights, activation: Activation) -> None:
        downsample, merger = module.downsample, module.merger
        # A cell's patches lie together: the convolution is one product over all of them.
        weight = downsample.weight.permute(0, 2, 3, 1).flatten(1)
        self._downsample = Projection(weight.contiguous(), downsample.bias)
        self._project = Projection(merger.proj.weight, merger.proj.bias)
        self._norm = merger.post_projection_norm
        self._mlp = GatedMlp.of(merger, activation)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        cells = hidden.view(-1, self._downsample.weight.shape[1])
        projected = self._project(self._downsample(cells))
        norm = self._norm
        normal = layer_norm(projected, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        return self._mlp(gelu(normal))


class LeanTower:
    """Computes what transformers' module computes, with less around the products.

    Built from loaded weights, which it shares where it does not fuse them.
    """

    takes_tiles = True

    def __init__(self, module: TowerWeights, config: Any, attention: PackedAttention) -> None:
        self.attention = attention
        activation = _activation(config.hidden_act)
        embed = module.patch_embed.proj
        self._embed = Projection(embed.weight.flatten(1), embed.bias)
        self._after_embed = RmsNorm.of(module.post_conv_layernorm)
        self._positions = PositionTables(
            module.embeddings.position_embedding.weight,
            axial_frequencies(config).to(embed.weight.device),
            config.spatial_merge_size,
        )
        self._blocks = [
            Block(block, config.num_heads, activation, attention) for block in module.blocks
        ]
        self._norm = RmsNorm.of(module.post_layernorm)
        self._merger = Merger(module, activation)

    def layers(
        self, patches: torch.Tensor, windows: Sequence[Window]
    ) -> Generator[None, None, torch.Tensor]:
        """Computes the features [num_tokens, hidden_size] of windows that are packed in order.

        Yields after each layer; in inference mode, which the caller has to enter.
        """
        hidden = self._after_embed(self._embed(patches))
        hidden += torch.cat([self._positions.embeddings(window) for window in windows])
        step = self._pass(windows, patches)
        for block in self._blocks:
            hidden = block(hidden, step)
            yield
        return self._merger(self._norm(hidden))

    def _pass(self, windows: Sequence[Window], like: torch.Tensor) -> Pass:
        rotations = torch.cat([self._positions.rotations(window) for window in windows])
        plan = self.attention.plan([window.num_patches for window in windows], like.device)
        complex_type = _COMPLEX.get(like.dtype, torch.complex64)
        return Pass(rotations.to(like.device, complex_type)[:, None], plan)


def lean_refusal(config: Any) -> str | None:
    """Returns why a configuration cannot be computed leanly; None if it can."""
    if config.rope_parameters["rope_type"] != "axial":
        return "its positions are not rotated by rows and columns"
    if (config.hidden_size // config.num_heads) % 4:
        return "its head size is no multiple of 4"
    if not _knows(config.hidden_act):
        return f"its activation {config.hidden_act!r} is unknown"
    return None


def _knows(activation: str) -> bool:
    return activation == "silu" or activation in _activations()


def _activation(name: str) -> Activation:
    return silu if name == "silu" else _activations()[name]


def _activations() -> Mapping[str, Activation]:
    # Only for what is not usual: transformers' table imports its whole modelling, for seconds.
    from transformers.activations import ACT2FN

    table: Mapping[str, Activation] = ACT2FN
    return table


def _interleaved(qkv: Any, num_heads: int) -> Projection:
    """Reorders queries and keys so that the two numbers of each rotated pair are neighbours.

    Their products do not depend on the order, and a pair becomes one complex number.
    """
    head_size = len(qkv.weight) // 3 // num_heads
    halves = torch.arange(head_size, device=qkv.weight.device).view(2, -1)
    order = torch.arange(len(qkv.weight), device=qkv.weight.device).view(3, num_heads, -1)
    order[:2] = order[:2, :, halves.t().flatten()]
    rows = order.flatten()
    return Projection(qkv.weight[rows], None if qkv.bias is None else qkv.bias[rows])


def _rotate(heads: torch.Tensor, rotations: torch.Tensor) -> None:
    """Rotates [num_patches, num_heads, head_size] in place; 16-bit types through float32."""
    pairs = (*heads.shape[:-1], -1, 2)
    if heads.dtype in _COMPLEX:
        torch.view_as_complex(heads.view(pairs)).mul_(rotations)
    else:
        turned = torch.view_as_complex(heads.float().view(pairs)) * rotations
        heads.copy_(torch.view_as_real(turned).flatten(-2))
