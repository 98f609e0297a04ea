"""What the conformance test does not reach: compiler, threads, non-finite values."""

import pytest
import torch
from sightline_common.native import library as library_module
from sightline_generator.attention.base import AttentionDemand, AttentionMetadata
from sightline_generator.attention.paged_cpu import PagedCpuAttention
from sightline_generator.attention.registry import choose_attention
from sightline_generator.attention.sdpa import SdpaAttention
from sightline_generator.native import threads

from tests.common.native.compiled import compiled

CPU = torch.device("cpu")
DEMAND = AttentionDemand(CPU, torch.float32, 64)
BLOCK_SIZE, NUM_KV_HEADS, NUM_HEADS, HEAD_SIZE = 16, 2, 4, 64


@pytest.fixture
def fresh_library():
    library_module.compiled.cache_clear()
    yield
    library_module.compiled.cache_clear()


def decoding(lengths):
    """Returns metadata and random tensors of sequences that decode."""
    draw = torch.Generator().manual_seed(0)
    widths = [-(-length // BLOCK_SIZE) for length in lengths]
    order = (torch.randperm(sum(widths), generator=draw) + 1).tolist()
    tables = [[order.pop() for _ in range(width)] for width in widths]
    padded = [table + [0] * (max(widths) - len(table)) for table in tables]
    metadata = AttentionMetadata(
        cu_seqlens_q=torch.arange(len(lengths) + 1, dtype=torch.int32),
        seqused_k=torch.tensor(lengths, dtype=torch.int32),
        block_table=torch.tensor(padded, dtype=torch.int32),
        max_seqlen_q=1,
        max_seqlen_k=max(lengths),
    )
    query = torch.randn(len(lengths), NUM_HEADS, HEAD_SIZE, generator=draw)
    caches = torch.randn(2, sum(widths) + 1, BLOCK_SIZE, NUM_KV_HEADS, HEAD_SIZE, generator=draw)
    return metadata, (query, *caches)


def attend(kind, metadata, tensors):
    attention = kind(BLOCK_SIZE, torch.float32)
    return attention.forward(*tensors, attention.plan(metadata), 0.125)


@compiled
@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_threads_and_long_sequences_change_nothing(monkeypatch, num_threads):
    monkeypatch.setattr(threads, "_count", num_threads)
    metadata, tensors = decoding([2000, 1, 129, 128, 700])
    expected = attend(SdpaAttention, metadata, tensors)
    torch.testing.assert_close(attend(PagedCpuAttention, metadata, tensors), expected)


@compiled
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_non_finite_keys_spoil_their_own_sequence_alone(value):
    metadata, tensors = decoding([40, 40])
    sound = attend(PagedCpuAttention, metadata, tensors)
    tensors[1][metadata.block_table[0, 1], 3] = value
    spoilt = attend(PagedCpuAttention, metadata, tensors)
    assert not spoilt[0].isfinite().any()
    assert torch.equal(spoilt[1], sound[1])


@compiled
def test_scores_far_apart_do_not_overflow():
    metadata, (query, keys, values) = decoding([300])
    tensors = (query * 100, keys * 100, values)
    expected = attend(SdpaAttention, metadata, tensors)
    torch.testing.assert_close(attend(PagedCpuAttention, metadata, tensors), expected)


@compiled
def test_a_cpu_gets_the_kernel_by_itself():
    assert choose_attention("auto", BLOCK_SIZE, DEMAND).name == "paged-cpu"


@pytest.mark.usefixtures("fresh_library")
def test_without_a_compiler_sdpa_serves(monkeypatch):
    monkeypatch.setattr(library_module.shutil, "which", lambda name: None)
    assert "no C++ compiler" in PagedCpuAttention.refusal(DEMAND)
    assert choose_attention("auto", BLOCK_SIZE, DEMAND).name == "sdpa"


def test_other_devices_and_types_are_refused():
    bfloat16 = AttentionDemand(CPU, torch.bfloat16, 64)
    assert "float32 and float64" in PagedCpuAttention.refusal(bfloat16)
    cuda = AttentionDemand(torch.device("cuda:0"), torch.float32, 64)
    assert "CPU" in PagedCpuAttention.refusal(cuda)
