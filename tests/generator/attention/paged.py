"""Random paged batches, and what every implementation must make of them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from sightline_generator.attention.base import NULL_BLOCK, AttentionMetadata, write_kv

from tests.generator.attention.reference import reference_attention

SCALE = 0.3
# float16 rounds the weights before they meet the values, bfloat16 eight times as coarsely.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 2e-5,
    torch.float16: 5e-3,
    torch.bfloat16: 4e-2,
}


@st.composite
def causal_lengths(draw, most=600):
    """Draws queries and keys: decoding, a whole prompt, or a chunk behind a cached prefix."""
    num_queries = draw(st.one_of(st.just(1), st.integers(1, 24)))
    return num_queries, num_queries + draw(st.one_of(st.just(0), st.integers(0, most)))


cross_lengths = st.tuples(st.integers(1, 12), st.integers(0, 300))
"""Queries, and keys of a medium, which may be fewer or none."""


@st.composite
def batches(draw, head_sizes):
    """Draws the arguments of PagedBatch."""
    causal = draw(st.booleans())
    lengths = causal_lengths() if causal else st.one_of(causal_lengths(), cross_lengths)
    return {
        "lengths": draw(st.lists(lengths, min_size=1, max_size=5)),
        "causal": causal,
        "grain": draw(st.sampled_from([1, 4, 16])),
        "num_kv_heads": draw(st.integers(1, 2)),
        "group": draw(st.sampled_from([1, 2, 3, 16])),
        "head_size": draw(st.sampled_from(head_sizes)),
        "seed": draw(st.integers(0, 2**31)),
    }


class PagedBatch:
    """Random sequences, laid out in randomly ordered blocks between poisoned ones."""

    def __init__(self, lengths, causal, grain, num_kv_heads, group, head_size, seed, alibi=False):
        draw = torch.Generator().manual_seed(seed)
        self.lengths, self.causal, self.grain = lengths, causal, grain
        self.counted = seed % 2 == 0
        num_heads = group * num_kv_heads
        self.slopes = 2.0 ** -torch.arange(1, num_heads + 1) if alibi else None

        def heads(count, number):
            return torch.randn(count, number, head_size, generator=draw, dtype=torch.float64)

        self.query = [heads(num_queries, num_heads) for num_queries, _used in lengths]
        self.keys = [heads(used, num_kv_heads) for _num_queries, used in lengths]
        self.values = [heads(used, num_kv_heads) for _num_queries, used in lengths]
        self.order = torch.Generator().manual_seed(seed)

    def attended(self, attention, device):
        """Returns what an implementation computes on a device, on the CPU in float64."""
        tables = self._tables(attention.block_size)
        dtype = attention.dtype
        output = attention.forward(
            torch.cat(self.query).to(device, dtype),
            self._cache(tables, self.keys, attention).to(device),
            self._cache(tables, self.values, attention).to(device),
            attention.plan(self._metadata(tables, device)),
            SCALE,
        )
        assert output.dtype == dtype
        return output.double().cpu()

    def expected(self, dtype):
        """Returns the reference's result for inputs rounded to `dtype`."""

        def rounded(tensors):
            return [tensor.to(dtype).double() for tensor in tensors]

        used = [length for _num_queries, length in self.lengths]
        tensors = (rounded(self.query), rounded(self.keys), rounded(self.values))
        return reference_attention(*tensors, used, SCALE, self.causal, self.slopes)

    def _tables(self, block_size):
        needed = [-(-used // block_size) for _num_queries, used in self.lengths]
        order = (torch.randperm(sum(needed), generator=self.order) + 1).tolist()
        return [[order.pop() for _ in range(count)] for count in needed]

    def _cache(self, tables, contents, attention):
        # Finite rubbish behind each sequence's end must not be seen.
        shape = (1 + sum(map(len, tables)), attention.block_size, *contents[0].shape[1:])
        cache = torch.full(shape, 7.0, dtype=attention.dtype)
        cache[NULL_BLOCK] = 0
        for table, rows in zip(tables, contents, strict=True):
            places = torch.arange(len(rows))
            blocks = torch.tensor(table, dtype=torch.int64)[places // attention.block_size]
            slots = blocks * attention.block_size + places % attention.block_size
            write_kv(cache, rows.to(attention.dtype), slots)
        return cache

    def _metadata(self, tables, device):
        num_queries = [count for count, _used in self.lengths]
        used = [count for _num_queries, count in self.lengths]
        width = max(1, *map(len, tables))
        padded = [table + [NULL_BLOCK] * (width - len(table)) for table in tables]
        return AttentionMetadata(
            cu_seqlens_q=torch.tensor([0, *num_queries]).cumsum(0).int().to(device),
            seqused_k=torch.tensor(used, dtype=torch.int32, device=device),
            block_table=torch.tensor(padded, dtype=torch.int32, device=device),
            max_seqlen_q=max(num_queries),
            max_seqlen_k=max(used),
            causal=self.causal,
            alibi_slopes=None if self.slopes is None else self.slopes.to(device),
            num_used_blocks=sum(map(len, tables)) if self.counted else None,
        )


CPU = torch.device("cpu")


def assert_conforms(attention, batch, device=CPU):
    """Compares an implementation with the reference on one batch."""
    tolerance = TOLERANCE[attention.dtype]
    torch.testing.assert_close(
        batch.attended(attention, device),
        batch.expected(attention.dtype),
        atol=tolerance,
        rtol=tolerance,
    )
