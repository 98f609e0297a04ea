"""Attention inside each window of a packed batch, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from typing import ClassVar

import torch
from torch.nn.functional import scaled_dot_product_attention

Kernel = Callable[..., torch.Tensor]

AMPERE = 8
"""The first major compute capability that FlashAttention-2 runs on."""
MAX_HEAD_SIZE = 256


@dataclass(frozen=True)
class Plan:
    """Says where windows begin.

    `lengths` are the windows' patches in order; `cu_seqlens` [num_windows + 1] int32 their
    running sum on the device, for kernels that ask for it.
    """

    lengths: tuple[int, ...]
    cu_seqlens: torch.Tensor | None = None


class PackedAttention(ABC):
    """Lets every patch attend to all patches of its own window, and to no others."""

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def refusal(cls, device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
        """Returns why this machine, package set or data type rules it out; None if nothing does."""

    def plan(self, lengths: Sequence[int], device: torch.device) -> Plan:
        """Prepares what all layers of one pass share."""
        sums = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
        return Plan(tuple(lengths), sums.to(device))

    @abstractmethod
    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        plan: Plan,
        scale: float,
    ) -> torch.Tensor:
        """Returns the attended values; all have the shape [num_patches, num_heads, head_size]."""


class SdpaPackedAttention(PackedAttention):
    """torch's scaled_dot_product_attention: one call for neighbours of equal size."""

    name = "sdpa"

    @classmethod
    def refusal(cls, device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
        return None

    def plan(self, lengths: Sequence[int], device: torch.device) -> Plan:
        return Plan(tuple(lengths))

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        plan: Plan,
        scale: float,
    ) -> torch.Tensor:
        groups = [(length, len(list(same))) for length, same in groupby(plan.lengths)]
        sizes = [length * count for length, count in groups]
        parts = zip(
            groups, *(torch.split(each, sizes) for each in (query, key, value)), strict=True
        )
        attended = [_attend_equal(q, k, v, count, scale) for (_, count), q, k, v in parts]
        return attended[0] if len(attended) == 1 else torch.cat(attended)


class TorchFlashPackedAttention(PackedAttention):
    """FlashAttention-2 as torch itself carries it, over the whole batch in one call."""

    name = "torch-flash"

    def __init__(self, varlen: Kernel | None = None) -> None:
        self._varlen = varlen or import_module("torch.nn.attention.varlen").varlen_attn

    @classmethod
    def refusal(cls, device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
        return _flash_refusal(device, dtype, head_size)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        plan: Plan,
        scale: float,
    ) -> torch.Tensor:
        lengths, longest = plan.cu_seqlens, max(plan.lengths)
        return self._varlen(
            query,
            key,
            value,
            lengths,
            lengths,
            longest,
            longest,
            scale=scale,
            window_size=(-1, -1),
        )


class FlashAttn2PackedAttention(PackedAttention):
    """The flash-attn package, version 2, over the whole batch in one call."""

    name = "flash-attn-2"

    def __init__(self, varlen: Kernel | None = None) -> None:
        self._varlen = varlen or import_module("flash_attn").flash_attn_varlen_func

    @classmethod
    def refusal(cls, device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
        if find_spec("flash_attn") is None:
            return "the package flash-attn is not installed"
        return _flash_refusal(device, dtype, head_size)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        plan: Plan,
        scale: float,
    ) -> torch.Tensor:
        lengths, longest = plan.cu_seqlens, max(plan.lengths)
        return self._varlen(
            query,
            key,
            value,
            lengths,
            lengths,
            longest,
            longest,
            softmax_scale=scale,
            causal=False,
        )


def _attend_equal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, count: int, scale: float
) -> torch.Tensor:
    """Attends inside `count` windows of equal size."""
    shape = (count, -1, *query.shape[1:])
    q, k, v = (each.view(shape).transpose(1, 2) for each in (query, key, value))
    attended = scaled_dot_product_attention(q, k, v, scale=scale)
    return attended.transpose(1, 2).flatten(0, 1)


def _flash_refusal(device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
    if device.type != "cuda" or torch.version.hip is not None:
        return "needs an NVIDIA GPU"
    if dtype not in (torch.float16, torch.bfloat16):
        return "computes in float16 and bfloat16 only"
    if head_size % 8 or head_size > MAX_HEAD_SIZE:
        return f"takes head sizes that are multiples of 8 up to {MAX_HEAD_SIZE}"
    major, _minor = torch.cuda.get_device_capability(device)
    return None if major >= AMPERE else "needs an Ampere GPU or a newer one"
