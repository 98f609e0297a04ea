"""A start from which a small model learns fast."""

from __future__ import annotations

import math

import torch
from transformers import Glm4vForConditionalGeneration

POSITION_AMPLITUDE = 0.5
PATCH_AMPLITUDE = 0.1
# The plain brightness of a patch, next to its edges, which are weaker the finer they are.
BRIGHTNESS_WEIGHT = 0.35
QUERY_SCALE = 0.6


def waves(side: int, width: int) -> torch.Tensor:
    """Sines and cosines of growing frequency, float32 [side, width]."""
    position = (torch.arange(side) + 0.5) / side
    frequency = torch.logspace(math.log10(0.5), math.log10(side / 4), width // 2)
    angle = math.pi * position[:, None] * frequency[None, :]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


@torch.no_grad()
def smooth_positions(model: Glm4vForConditionalGeneration) -> None:
    """Replaces the random table of positions by two-dimensional waves.

    The table is interpolated to the grid of each picture, which keeps waves but mixes noise.
    """
    table = model.model.visual.embeddings.position_embedding.weight
    side, width = math.isqrt(table.shape[0]), table.shape[1]
    wave = waves(side, width // 2)
    rows = wave[:, None, :].expand(side, side, -1)
    columns = wave[None, :, :].expand(side, side, -1)
    table.copy_(POSITION_AMPLITUDE * torch.cat([rows, columns], dim=-1).reshape(-1, width))


def cosines(side: int, count: int) -> torch.Tensor:
    """The lowest `count` × `count` terms of the cosine transform, float32 [terms, side, side]."""
    frequency = torch.arange(count)
    position = torch.arange(side) + 0.5
    basis = torch.cos(math.pi * frequency[:, None] * position[None, :] / side)
    basis = basis * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    fineness = (frequency[:, None] ** 2 + frequency[None, :] ** 2).sqrt()
    terms = torch.einsum("ua,vb->uvab", basis, basis)
    return (terms * (BRIGHTNESS_WEIGHT + fineness)[..., None, None]).flatten(0, 1)


@torch.no_grad()
def cosine_patches(model: Glm4vForConditionalGeneration) -> None:
    """Lets the first layer see each colour channel's cosine terms.

    Random weights answer to little but a patch's mean, and shapes are slow to learn from that.
    """
    weight = model.model.visual.patch_embed.proj.weight  # [hidden, channels, frames, side, side]
    hidden, channels, frames, side, _ = weight.shape
    terms = cosines(side, math.isqrt(hidden // channels)) * (PATCH_AMPLITUDE / frames)
    weight.zero_()
    for channel, rows in enumerate(weight.split(len(terms))[:channels]):
        rows[:, channel] = terms[:, None]


@torch.no_grad()
def fan_in_matrices(model: Glm4vForConditionalGeneration) -> None:
    """Scales every hidden matrix to keep the size of what passes through it.

    transformers' fixed deviation suits wide models; at our width both towers would begin as
    nothing but their residual stream, and stay there for long.
    """
    for name, parameter in model.model.named_parameters():
        if parameter.ndim == 2 and "embed" not in name:
            parameter.normal_(std=parameter.shape[1] ** -0.5)


@torch.no_grad()
def neighborly_attention(model: Glm4vForConditionalGeneration) -> None:
    """Keys start as a copy of the queries, so that a patch attends to what is like it and near."""
    for block in model.model.visual.blocks:
        weight = block.attn.qkv.weight
        query, key, _ = weight.chunk(3)
        query.mul_(QUERY_SCALE)
        key.copy_(query)


def initialize(model: Glm4vForConditionalGeneration) -> None:
    fan_in_matrices(model)
    neighborly_attention(model)
    smooth_positions(model)
    cosine_patches(model)
