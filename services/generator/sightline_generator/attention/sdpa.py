"""torch's scaled_dot_product_attention over gathered blocks: correct everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch.nn.functional import scaled_dot_product_attention

from sightline_generator.attention.base import (
    Attention,
    AttentionDemand,
    AttentionMetadata,
    Feature,
)


@dataclass(frozen=True)
class Group:
    """Sequences with equally many queries, which are computed together.

    `rows` are their places in the flat batch, `num_seqs * num_queries` of them, and
    `blocks` [num_seqs * num_blocks] their blocks. `bias` broadcasts to [num_seqs,
    num_query_heads, num_queries, num_keys] and is added to the scores; None means that
    nothing is masked, unless `lower_triangle`: then each query sees the keys up to its own.
    """

    rows: slice | torch.Tensor
    blocks: torch.Tensor
    num_seqs: int
    num_queries: int
    num_keys: int
    bias: torch.Tensor | None = None
    lower_triangle: bool = False


class SdpaAttention(Attention[list[Group]]):
    """Gathers each sequence's blocks and calls torch's kernel.

    Decoding sequences form one padded group; every other sequence is computed alone.
    """

    name = "sdpa"
    features = frozenset(Feature)

    @classmethod
    def refusal(cls, demand: AttentionDemand) -> str | None:
        return None

    def plan(self, metadata: AttentionMetadata) -> list[Group]:
        starts = metadata.cu_seqlens_q.tolist()
        decoding = sequences_with_one_query(starts)
        groups = [self._group(metadata, starts, decoding)] if decoding else []
        return groups + self.plan_others(metadata, starts)

    def plan_others(self, metadata: AttentionMetadata, starts: list[int]) -> list[Group]:
        """Returns groups of the sequences that have several queries."""
        several = [index for index, (start, end) in enumerate(pairwise(starts)) if end - start > 1]
        return [self._group(metadata, starts, [index]) for index in several]

    def _group(self, metadata: AttentionMetadata, starts: list[int], members: list[int]) -> Group:
        num_queries = starts[members[0] + 1] - starts[members[0]]
        index = torch.tensor(members, device=metadata.block_table.device)
        lengths = metadata.seqused_k[index].long()
        num_keys = int(lengths.max())
        num_blocks = -(-num_keys // self.block_size)
        triangle = metadata.causal and metadata.alibi_slopes is None and num_queries == num_keys
        return Group(
            rows=rows_of(starts, members, index.device),
            blocks=metadata.block_table[index, :num_blocks].flatten(),
            num_seqs=len(members),
            num_queries=num_queries,
            num_keys=num_keys,
            bias=None if triangle else self._bias(metadata, lengths, num_queries, num_keys),
            lower_triangle=triangle,
        )

    def _bias(
        self, metadata: AttentionMetadata, lengths: torch.Tensor, num_queries: int, num_keys: int
    ) -> torch.Tensor | None:
        lengths = lengths[:, None, None]
        keys = torch.arange(num_keys, device=lengths.device)
        queries = lengths - num_queries + torch.arange(num_queries, device=lengths.device)[:, None]
        hidden = keys >= lengths
        if metadata.causal:
            hidden = hidden | (keys > queries)
        slopes = metadata.alibi_slopes
        if slopes is None and not bool(hidden.any()):
            return None
        bias = torch.zeros((), dtype=self.dtype, device=lengths.device)
        if slopes is not None:
            distance = (queries - keys).abs()[:, None].to(self.dtype)
            bias = -slopes.to(self.dtype)[:, None, None] * distance
        return torch.where(hidden[:, None], -torch.inf, bias)

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: list[Group],
        scale: float,
    ) -> torch.Tensor:
        if len(plan) == 1:
            return attend_group(query, key_cache, value_cache, plan[0], scale)
        output = torch.empty_like(query)
        for group in plan:
            output[group.rows] = attend_group(query, key_cache, value_cache, group, scale)
        return output


def sequences_with_one_query(starts: list[int]) -> list[int]:
    """Returns the indices of sequences that have one query, given where all begin."""
    return [index for index, (start, end) in enumerate(pairwise(starts)) if end - start == 1]


def rows_of(starts: list[int], members: list[int], device: torch.device) -> slice | torch.Tensor:
    """Returns the places of some sequences' queries in the flat batch."""
    first, last = members[0], members[-1]
    if last - first + 1 == len(members):
        return slice(starts[first], starts[last + 1])
    return torch.tensor([starts[member] for member in members], device=device)


def attend_group(
    query: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor,
    group: Group,
    scale: float,
) -> torch.Tensor:
    """Returns the attended values of a group's rows."""
    own = query[group.rows]
    num_heads, head_size = own.shape[1:]
    num_kv_heads = key_cache.shape[2]
    bias = group.bias
    if group.num_queries == 1:
        # Heads that share keys take the place of queries, so that keys are read once.
        queries = own.view(group.num_seqs, num_kv_heads, -1, head_size)
        if bias is not None and bias.shape[1] > 1:
            bias = bias.view(*queries.shape[:3], group.num_keys)
    else:
        queries = own.view(group.num_seqs, group.num_queries, num_heads, head_size).transpose(1, 2)
    attended = scaled_dot_product_attention(
        queries,
        _gathered(key_cache, group),
        _gathered(value_cache, group),
        attn_mask=bias,
        is_causal=group.lower_triangle and group.num_queries > 1,
        scale=scale,
        enable_gqa=group.num_queries > 1 and num_heads != num_kv_heads,
    )
    if group.num_queries > 1:
        attended = attended.transpose(1, 2)
    return attended.reshape(-1, num_heads, head_size)


def _gathered(cache: torch.Tensor, group: Group) -> torch.Tensor:
    """Returns [num_seqs, num_kv_heads, num_keys, head_size]."""
    blocks = cache.flatten(1).index_select(0, group.blocks)
    tokens = blocks.view(group.num_seqs, -1, *cache.shape[2:])
    return tokens[:, : group.num_keys].transpose(1, 2)
