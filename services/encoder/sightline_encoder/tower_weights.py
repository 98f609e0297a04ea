"""The tensors of GLM-4V's vision tower under the names that checkpoints give them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Norm(nn.Module):
    """The weight [width] of a norm by the root mean square."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.variance_epsilon = eps


class Mlp(nn.Module):
    """Three projections without biases."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)


class Merger(Mlp):
    """An MLP behind a projection and a norm."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__(width, inner)
        self.proj = nn.Linear(width, width, bias=False)
        self.post_projection_norm = nn.LayerNorm(width)


class Attention(nn.Module):
    """Projections to queries, keys and values at once, and back."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.hidden_size
        self.qkv = nn.Linear(width, 3 * width, bias=config.attention_bias)
        self.proj = nn.Linear(width, width, bias=False)


class Block(nn.Module):
    """One layer: attention and MLP, each behind a norm."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.norm1 = Norm(config.hidden_size, config.rms_norm_eps)
        self.norm2 = Norm(config.hidden_size, config.rms_norm_eps)
        self.attn = Attention(config)
        # NOTE: the two widths are exchanged, as they are in transformers.
        self.mlp = Mlp(config.hidden_size, config.out_hidden_size)


class PatchEmbedding(nn.Module):
    """A convolution whose kernel is one patch."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        kernel = (config.temporal_patch_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(config.in_channels, config.hidden_size, kernel, kernel)


class Positions(nn.Module):
    """A table of positions [side * side, hidden_size]."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        side = config.image_size // config.patch_size
        # On the meta device nn.Embedding's random table would import torch's compiler.
        table = torch.empty(side * side, config.hidden_size)
        self.position_embedding = nn.Embedding.from_pretrained(table)  # type: ignore[no-untyped-call]


class TowerWeights(nn.Module):
    """Holds the tower's tensors and computes nothing; `LeanTower` does."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, merge = config.hidden_size, config.spatial_merge_size
        self.embeddings = Positions(config)
        self.patch_embed = PatchEmbedding(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.merger = Merger(config.out_hidden_size, config.intermediate_size)
        self.post_conv_layernorm = Norm(width, config.rms_norm_eps)
        self.downsample = nn.Conv2d(width, config.out_hidden_size, merge, merge)
        self.post_layernorm = Norm(width, config.rms_norm_eps)
