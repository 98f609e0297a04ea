"""Every implementation against the plain reference, over random paged batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_common.config import SettingInvalidError
from sightline_generator.attention.base import NULL_BLOCK, AttentionMetadata, write_kv
from sightline_generator.attention.registry import IMPLEMENTATIONS, choose_attention

from tests.generator.attention.reference import reference_attention

CPU = torch.device("cpu")
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}

lengths = st.integers(1, 40).flatmap(
    lambda used: st.tuples(st.one_of(st.just(1), st.integers(1, used)), st.just(used))
)


class PagedBatch:
    """Random sequences, laid out in randomly ordered blocks between poisoned ones."""

    def __init__(self, lengths, block_size, num_kv_heads, group, head_size, seed):
        draw = torch.Generator().manual_seed(seed)
        self.lengths, self.block_size = lengths, block_size

        def heads(count, number):
            return torch.randn(count, number, head_size, generator=draw, dtype=torch.float64)

        self.query = [heads(num_queries, group * num_kv_heads) for num_queries, _used in lengths]
        self.keys = [heads(used, num_kv_heads) for _num_queries, used in lengths]
        self.values = [heads(used, num_kv_heads) for _num_queries, used in lengths]
        needed = [-(-used // block_size) for _num_queries, used in lengths]
        order = (torch.randperm(sum(needed), generator=draw) + 1).tolist()
        self.tables = [[order.pop() for _ in range(count)] for count in needed]
        self.shape = (sum(needed) + 1, block_size, num_kv_heads, head_size)

    def cache(self, contents, dtype):
        # Finite rubbish behind each sequence's end must not be seen.
        cache = torch.full(self.shape, 7.0, dtype=dtype)
        cache[NULL_BLOCK] = 0
        for table, rows in zip(self.tables, contents, strict=True):
            places = torch.arange(len(rows))
            slots = torch.tensor(table)[places // self.block_size] * self.block_size
            write_kv(cache, rows.to(dtype), slots + places % self.block_size)
        return cache

    def metadata(self, causal, slopes):
        num_queries = [count for count, _used in self.lengths]
        used = [count for _num_queries, count in self.lengths]
        width = max(map(len, self.tables))
        padded = [table + [NULL_BLOCK] * (width - len(table)) for table in self.tables]
        return AttentionMetadata(
            cu_seqlens_q=torch.tensor([0, *num_queries]).cumsum(0).int(),
            seqused_k=torch.tensor(used, dtype=torch.int32),
            block_table=torch.tensor(padded, dtype=torch.int32),
            max_seqlen_q=max(num_queries),
            max_seqlen_k=max(used),
            causal=causal,
            alibi_slopes=slopes,
        )


@pytest.mark.parametrize("name", [kind.name for kind in IMPLEMENTATIONS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(lengths, min_size=1, max_size=4),
    block_size=st.sampled_from([1, 4, 16]),
    num_kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    causal=st.booleans(),
    alibi=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_implementation_equals_reference(
    name, dtype, lengths, block_size, num_kv_heads, group, causal, alibi, seed
):
    batch = PagedBatch(lengths, block_size, num_kv_heads, group, 8, seed)
    slopes = 2.0 ** -torch.arange(1, group * num_kv_heads + 1) if alibi else None
    attention = choose_attention(name, block_size, CPU, dtype)
    output = attention.forward(
        torch.cat(batch.query).to(dtype),
        batch.cache(batch.keys, dtype),
        batch.cache(batch.values, dtype),
        attention.plan(batch.metadata(causal, slopes)),
        scale=0.3,
    )
    used = [length for _num_queries, length in lengths]
    expected = reference_attention(batch.query, batch.keys, batch.values, used, 0.3, causal, slopes)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(output.double(), expected, atol=tolerance, rtol=tolerance)


def test_unknown_implementation_is_refused_with_a_choice():
    with pytest.raises(SettingInvalidError, match="auto or sdpa"):
        choose_attention("fastest", 16, CPU, torch.float32)
