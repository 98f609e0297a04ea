"""The interface that every attention implementation fulfils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch

NULL_BLOCK = 0
"""Pads block tables. No sequence owns it and nothing writes to it, so it stays zero."""

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class AttentionMetadata:
    """Describes the sequences of one flattened batch, in FlashAttention's terms.

    `cu_seqlens_q` [num_seqs + 1] int32 holds the cumulative query lengths, `seqused_k`
    [num_seqs] int32 how many cached tokens each sequence's queries may see (its own
    new ones included), `block_table` [num_seqs, max_blocks] int32 the blocks in order,
    padded with `NULL_BLOCK`. The queries are the last ones of their sequence. Without
    `causal`, every query sees all `seqused_k` tokens. `alibi_slopes` [num_query_heads]
    float32 adds `-slope * distance` to the scores.
    """

    cu_seqlens_q: torch.Tensor
    seqused_k: torch.Tensor
    block_table: torch.Tensor
    max_seqlen_q: int
    max_seqlen_k: int
    causal: bool = True
    alibi_slopes: torch.Tensor | None = None


class Attention(ABC, Generic[Plan]):
    """Computes attention of new queries over cached keys and values.

    `plan` is called once a step and may do everything that is equal in all layers;
    `forward` is called once a layer.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def supports(cls, device: torch.device, dtype: torch.dtype) -> bool:
        """Tells whether this machine and data type can use the implementation."""

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
