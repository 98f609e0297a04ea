"""Every implementation against the plain reference, over random paged batches."""

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sightline_generator.attention.base import AttentionDemand, AttentionMetadata, Feature
from sightline_generator.attention.flash import (
    FlashAttention2,
    FlashAttention3,
    GatheredFlashAttention,
    PagedFlashAttention,
)
from sightline_generator.attention.registry import IMPLEMENTATIONS, refusal

from tests.generator.attention import kernels
from tests.generator.attention.paged import PagedBatch, assert_conforms, batches

CPU = torch.device("cpu")
HEAD_SIZES = (8, 64, 128)
COMMON = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def served(device, dtypes):
    """Lists the implementations that serve every head size on a device, with their types."""
    return [
        pytest.param(kind, dtype, id=f"{kind.name}-{str(dtype).removeprefix('torch.')}")
        for kind in IMPLEMENTATIONS
        for dtype in dtypes
        if not any(refusal(kind, AttentionDemand(device, dtype, size)) for size in HEAD_SIZES)
    ]


def batch_for(kind, drawn, alibi):
    """Makes a batch that asks no more than an implementation's features."""
    causal = drawn["causal"] or Feature.NON_CAUSAL not in kind.features
    if causal and not drawn["causal"]:
        drawn = {**drawn, "lengths": [(q, q + k) for q, k in drawn["lengths"]], "causal": True}
    return PagedBatch(**drawn, alibi=alibi and Feature.ALIBI in kind.features)


@pytest.mark.parametrize(("kind", "dtype"), served(CPU, [torch.float32, torch.float64]))
@COMMON
@example(
    drawn={
        "lengths": [(1, 0)],
        "causal": False,
        "grain": 1,
        "num_kv_heads": 1,
        "group": 2,
        "head_size": 8,
        "seed": 0,
    },
    alibi=True,
)
@given(drawn=batches(HEAD_SIZES), alibi=st.booleans())
def test_implementation_equals_reference(kind, dtype, drawn, alibi):
    attention = kind(kind.block_size_for(drawn["grain"]), dtype)
    assert_conforms(attention, batch_for(kind, drawn, alibi))


KINDS = [FlashAttention3, FlashAttention2, GatheredFlashAttention, PagedFlashAttention]
FLASH = {
    "torch-flash": lambda size, dtype: GatheredFlashAttention(size, dtype, kernels.varlen_attn),
    "torch-flash-paged": lambda size, dtype: PagedFlashAttention(size, dtype, kernels.varlen_attn),
    "flash-attn-2": lambda size, dtype: FlashAttention2(
        size, dtype, kernels.flash_attn_varlen_func, kernels.flash_attn_with_kvcache
    ),
    "flash-attn-3": lambda size, dtype: FlashAttention3(
        size, dtype, kernels.flash_attn_3_with_kvcache
    ),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@COMMON
@given(drawn=batches(HEAD_SIZES), alibi=st.booleans())
def test_flash_implementation_fulfils_its_kernels_contract(kind, dtype, drawn, alibi):
    attention = FLASH[kind.name](kind.block_size_for(drawn["grain"]), dtype)
    assert_conforms(attention, batch_for(kind, drawn, alibi))


@pytest.mark.parametrize("kind", [GatheredFlashAttention, PagedFlashAttention])
def test_torch_itself_accepts_what_its_kernel_is_given(kind):
    # On the meta device torch checks the call and computes shapes alone.
    attention = kind(256, torch.float16)
    query = torch.empty(5, 32, 128, dtype=torch.float16, device="meta")
    cache = torch.empty(9, 256, 2, 128, dtype=torch.float16, device="meta")
    metadata = AttentionMetadata(
        cu_seqlens_q=torch.empty(3, dtype=torch.int32, device="meta"),
        seqused_k=torch.empty(2, dtype=torch.int32, device="meta"),
        block_table=torch.empty(2, 4, dtype=torch.int32, device="meta"),
        max_seqlen_q=4,
        max_seqlen_k=1000,
        num_used_blocks=5,
    )
    output = attention.forward(query, cache, cache, attention.plan(metadata), 0.1)
    assert output.shape == query.shape


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("kind", IMPLEMENTATIONS, ids=lambda kind: kind.name)
@COMMON
@given(drawn=batches(HEAD_SIZES), alibi=st.booleans())
def test_implementation_equals_reference_on_the_gpu(cuda, kind, dtype, drawn, alibi):
    reason = refusal(kind, AttentionDemand(cuda, dtype, drawn["head_size"]))
    if reason:
        pytest.skip(f"{kind.name} {reason}")
    attention = kind(kind.block_size_for(drawn["grain"]), dtype)
    assert_conforms(attention, batch_for(kind, drawn, alibi), cuda)
