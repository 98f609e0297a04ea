"""torch's scaled_dot_product_attention over gathered blocks: correct everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import scaled_dot_product_attention

from sightline_generator.attention.base import Attention, AttentionMetadata


@dataclass(frozen=True)
class Group:
    """Sequences with equally many queries, which are computed together.

    `rows` [num_seqs * num_queries] are their places in the flat batch, `bias`
    broadcasts to [num_seqs, num_query_heads, num_queries, num_keys] and is added to
    the scores; None means that nothing is masked.
    """

    rows: torch.Tensor
    block_table: torch.Tensor
    num_queries: int
    num_keys: int
    bias: torch.Tensor | None


class SdpaAttention(Attention[list[Group]]):
    """Gathers each sequence's blocks and calls torch's kernel.

    Decoding sequences form one padded group; every other sequence is computed alone.
    """

    name = "sdpa"

    def __init__(self, block_size: int, dtype: torch.dtype) -> None:
        self._block_size = block_size
        self._dtype = dtype

    @classmethod
    def supports(cls, device: torch.device, dtype: torch.dtype) -> bool:
        return True

    def plan(self, metadata: AttentionMetadata) -> list[Group]:
        query_lens = metadata.cu_seqlens_q.diff().tolist()
        decoding = [index for index, length in enumerate(query_lens) if length == 1]
        others = [[index] for index, length in enumerate(query_lens) if length > 1]
        return [self._group(metadata, members) for members in [decoding, *others] if members]

    def _group(self, metadata: AttentionMetadata, members: list[int]) -> Group:
        device = metadata.block_table.device
        index = torch.tensor(members, device=device)
        starts = metadata.cu_seqlens_q[index]
        num_queries = int(metadata.cu_seqlens_q[members[0] + 1] - starts[0])
        num_keys = int(metadata.seqused_k[index].max())
        num_blocks = -(-num_keys // self._block_size)
        rows = starts.long()[:, None] + torch.arange(num_queries, device=device)
        return Group(
            rows=rows.flatten(),
            block_table=metadata.block_table[index, :num_blocks].long(),
            num_queries=num_queries,
            num_keys=num_keys,
            bias=self._bias(metadata, index, num_queries, num_keys),
        )

    def _bias(
        self, metadata: AttentionMetadata, index: torch.Tensor, num_queries: int, num_keys: int
    ) -> torch.Tensor | None:
        lengths = metadata.seqused_k[index].long()[:, None, None]
        keys = torch.arange(num_keys, device=lengths.device)
        queries = lengths - num_queries + torch.arange(num_queries, device=lengths.device)[:, None]
        hidden = keys >= lengths
        if metadata.causal:
            hidden = hidden | (keys > queries)
        slopes = metadata.alibi_slopes
        if slopes is None and not bool(hidden.any()):
            return None
        bias = torch.zeros((), dtype=self._dtype, device=lengths.device)
        if slopes is not None:
            distance = (queries - keys).abs()[:, None].to(self._dtype)
            bias = -slopes.to(self._dtype)[:, None, None] * distance
        return torch.where(hidden[:, None], -torch.inf, bias)

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: list[Group],
        scale: float,
    ) -> torch.Tensor:
        output = torch.empty_like(query)
        for group in plan:
            output[group.rows] = self._attend(query, key_cache, value_cache, group, scale)
        return output

    def _attend(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        group: Group,
        scale: float,
    ) -> torch.Tensor:
        num_seqs, num_heads = len(group.block_table), query.shape[1]
        key = _gathered(key_cache, group)
        value = _gathered(value_cache, group)
        repeats = num_heads // key.shape[1]
        queries = query[group.rows].view(num_seqs, group.num_queries, num_heads, -1)
        attended = scaled_dot_product_attention(
            queries.transpose(1, 2),
            key.repeat_interleave(repeats, dim=1),
            value.repeat_interleave(repeats, dim=1),
            attn_mask=group.bias,
            scale=scale,
        )
        return attended.transpose(1, 2).reshape(len(group.rows), num_heads, -1)


def _gathered(cache: torch.Tensor, group: Group) -> torch.Tensor:
    """Returns [num_seqs, num_kv_heads, num_keys, head_size]."""
    blocks = cache[group.block_table]
    return blocks.flatten(1, 2)[:, : group.num_keys].transpose(1, 2)
