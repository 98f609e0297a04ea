"""The interface that every attention implementation fulfils."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Generic, TypeVar

import torch

NULL_BLOCK = 0
"""Pads block tables. No sequence owns it and nothing writes to it, so it stays zero."""

Plan = TypeVar("Plan")


class Feature(Enum):
    """What a model family may need beyond causal attention."""

    NON_CAUSAL = "non-causal lengths"
    ALIBI = "ALiBi slopes"


class KVGroup(Enum):
    """Whose keys and values a group of layers caches: the sequence's own, or a medium's."""

    SELF = "self"
    CROSS = "cross"


@dataclass(frozen=True)
class KVSpec:
    """Describes layers whose caches have one shape and follow one block table a sequence."""

    num_layers: int
    num_kv_heads: int
    head_size: int
    group: KVGroup = KVGroup.SELF

    def block_bytes(self, block_size: int, dtype: torch.dtype) -> int:
        """Returns the bytes of one block over the group's layers, keys and values."""
        per_token = 2 * self.num_layers * self.num_kv_heads * self.head_size
        return per_token * block_size * dtype.itemsize


@dataclass(frozen=True)
class AttentionDemand:
    """Says what machine and model ask of an implementation."""

    device: torch.device
    dtype: torch.dtype
    head_size: int
    features: frozenset[Feature] = frozenset()


@dataclass(frozen=True)
class AttentionMetadata:
    """Describes the sequences of one flattened batch, in FlashAttention's terms.

    `cu_seqlens_q` [num_seqs + 1] int32 holds the cumulative query lengths, `seqused_k`
    [num_seqs] int32 how many cached tokens each sequence's queries may see (its own
    new ones included), `block_table` [num_seqs, max_blocks] int32 the blocks in order,
    padded with `NULL_BLOCK`. The queries are the last ones of their sequence. Without
    `causal`, every query sees all `seqused_k` tokens, which may then be fewer than the
    queries or none: a query that sees nothing attends to zeros. `alibi_slopes`
    [num_query_heads] float32 adds `-slope * distance` to the scores. `num_used_blocks` is
    how many blocks all the keys fill, in a captured step the most that they may; where it is
    None, the device is asked. A step has one of these for each group of layers with a cache
    of its own.
    """

    cu_seqlens_q: torch.Tensor
    seqused_k: torch.Tensor
    block_table: torch.Tensor
    max_seqlen_q: int
    max_seqlen_k: int
    causal: bool = True
    alibi_slopes: torch.Tensor | None = None
    num_used_blocks: int | None = None


class Attention(ABC, Generic[Plan]):
    """Computes attention of new queries over cached keys and values.

    `plan` is called once a step and may do everything that is equal in all layers;
    `forward` is called once a layer.
    """

    name: ClassVar[str]
    features: ClassVar[frozenset[Feature]] = frozenset()
    page_size: ClassVar[int] = 1
    """A block's tokens are a multiple of this."""
    native: ClassVar[bool] = False
    """Whether a model may compute whole steps natively beside it: it reads the caches alike."""
    capturable: ClassVar[bool] = False
    """Whether a CUDA graph may hold the decoding step: its plan asks nothing of the device, and
    its shapes follow from the metadata's alone, and from `num_used_blocks`."""
    gathers: ClassVar[bool] = False
    """Whether a captured step costs as much as it has room for, `num_used_blocks`."""

    def __init__(self, block_size: int, dtype: torch.dtype) -> None:
        assert block_size % self.page_size == 0, "ask block_size_for"
        self.block_size = block_size
        self.dtype = dtype

    @classmethod
    def block_size_for(cls, grain: int) -> int:
        """Returns the smallest block size that both the kernel and a hash grain divide."""
        return math.lcm(cls.page_size, grain)

    @classmethod
    @abstractmethod
    def refusal(cls, demand: AttentionDemand) -> str | None:
        """Returns why this machine, package set or data type rules it out; None if nothing does."""

    @abstractmethod
    def plan(self, metadata: AttentionMetadata) -> Plan:
        """Prepares what all layers of one step share."""

    @abstractmethod
    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: Plan,
        scale: float,
    ) -> torch.Tensor:
        """Returns the attended values [num_tokens, num_query_heads, head_size].

        `query` has that shape too; the caches have the shape [num_blocks, block_size,
        num_kv_heads, head_size] and already hold the keys and values of this step.
        """


def write_kv(cache: torch.Tensor, new: torch.Tensor, slot_mapping: torch.Tensor) -> None:
    """Writes `new` [num_tokens, num_kv_heads, head_size] into the slots of a cache."""
    cache.view(-1, *cache.shape[2:]).index_copy_(0, slot_mapping, new)
