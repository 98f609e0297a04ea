"""Attention as the formula has it, scores and weights written to memory: what flash avoids."""

from __future__ import annotations

import torch
from sightline_generator.attention.base import Attention, AttentionDemand, AttentionMetadata


class PlainAttention(Attention[AttentionMetadata]):
    """Multiplies, masks, normalises in float32, multiplies; all of one length, causal.

    This is transformers' "eager" attention over gathered blocks.
    """

    name = "plain"

    @classmethod
    def refusal(cls, demand: AttentionDemand) -> str | None:
        return None

    def plan(self, metadata: AttentionMetadata) -> AttentionMetadata:
        return metadata

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: AttentionMetadata,
        scale: float,
    ) -> torch.Tensor:
        num_seqs, length = len(plan.block_table), plan.max_seqlen_k
        num_heads, size = query.shape[1:]
        queries = query.reshape(num_seqs, length, num_heads, size).transpose(1, 2)
        repeats = num_heads // key_cache.shape[2]
        keys, values = (
            cache[plan.block_table.long()]
            .flatten(1, 2)[:, :length]
            .transpose(1, 2)
            .repeat_interleave(repeats, dim=1)
            for cache in (key_cache, value_cache)
        )
        scores = queries @ keys.transpose(2, 3) * scale
        future = torch.ones(length, length, dtype=torch.bool, device=query.device).triu(1)
        weights = scores.masked_fill(future, -torch.inf).softmax(-1, dtype=torch.float32)
        return (weights.to(query.dtype) @ values).transpose(1, 2).reshape(query.shape)
