from __future__ import annotations

import pytest
import torch
from sightline_encoder.packed_attention import (
    FlashAttn2PackedAttention,
    SdpaPackedAttention,
    TorchFlashPackedAttention,
)
from sightline_encoder.packed_attention_choice import choose_packed_attention, disagreement

CPU = torch.device("cpu")
LENGTHS = (3, 3, 1, 8, 3)


def attended_one_by_one(query, key, value, lengths, scale):
    parts = zip(*(each.split(list(lengths)) for each in (query, key, value)), strict=True)
    outputs = []
    for q, k, v in parts:
        weights = torch.einsum("qhd,khd->hqk", q, k).mul(scale).softmax(-1)
        outputs.append(torch.einsum("hqk,khd->qhd", weights, v))
    return torch.cat(outputs)


def varlen_on_cpu(query, key, value, cu_q, cu_k, max_q, max_k, *, window_size=None, **options):
    """What torch's varlen_attn documents, computed slowly."""
    assert window_size in (None, (-1, -1)), "a window would hide patches"
    assert not options.get("causal", False)
    assert cu_q.dtype == torch.int32
    assert torch.equal(cu_q, cu_k)
    lengths = cu_q.diff().tolist()
    assert max_q == max_k == max(lengths)
    scale = options.get("scale", options.get("softmax_scale"))
    return attended_one_by_one(query, key, value, lengths, scale)


IMPLEMENTATIONS = [
    SdpaPackedAttention(),
    TorchFlashPackedAttention(varlen_on_cpu),
    FlashAttn2PackedAttention(varlen_on_cpu),
]


@pytest.mark.parametrize("attention", IMPLEMENTATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("lengths", [LENGTHS, (5,), (4, 4)], ids=str)
def test_patches_attend_to_their_own_window_alone(attention, lengths):
    query, key, value = torch.randn(3, sum(lengths), 2, 8, generator=torch.Generator())

    found = attention.forward(query, key, value, attention.plan(lengths, CPU), 0.3)

    expected = attended_one_by_one(query, key, value, lengths, 0.3)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_sdpa_is_called_once_for_neighbours_of_equal_size(monkeypatch):
    shapes = []

    def counted(query, key, value, **options):
        shapes.append(tuple(query.shape))
        return query

    monkeypatch.setattr("sightline_encoder.packed_attention.scaled_dot_product_attention", counted)
    attention = SdpaPackedAttention()
    rows = torch.zeros(sum(LENGTHS), 2, 8)
    attention.forward(rows, rows, rows, attention.plan(LENGTHS, CPU), 1.0)

    assert shapes == [(2, 2, 3, 8), (1, 2, 1, 8), (1, 2, 8, 8), (1, 2, 3, 8)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_sdpa_is_chosen_on_the_cpu(dtype):
    assert choose_packed_attention(CPU, dtype, 64).name == "sdpa"


def test_kernel_that_computes_something_else_is_refused():
    def causal(query, key, value, *rest, **options):
        return torch.zeros_like(query)

    wrong, right = TorchFlashPackedAttention(causal), TorchFlashPackedAttention(varlen_on_cpu)

    assert "differs from SDPA" in (disagreement(wrong, CPU, torch.float32, 8) or "")
    assert disagreement(right, CPU, torch.float32, 8) is None


def test_kernel_that_cannot_run_is_refused():
    def missing(*tensors, **options):
        raise RuntimeError("no kernel image")

    reason = disagreement(TorchFlashPackedAttention(missing), CPU, torch.float32, 8)

    assert "no kernel image" in (reason or "")
