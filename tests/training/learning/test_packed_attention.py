from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from training.build import MODEL_FOLDER, build_model
from training.learning import packed_attention
from training.learning.packed_attention import PackedAttention
from training.processing import Processor

LENGTHS = (24, 8, 60)


def one_by_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    bounds_of_keys: torch.Tensor,
    longest: int,
    longest_of_keys: int,
    *,
    scale: float,
) -> torch.Tensor:
    """What the GPU's kernel computes, slowly."""
    lengths = bounds.diff().tolist()
    assert torch.equal(bounds, bounds_of_keys)
    assert longest == longest_of_keys == max(lengths)
    apart = [tensor.transpose(0, 1).float() for tensor in (query, key, value)]
    pieces = zip(*(tensor.split(lengths, dim=1) for tensor in apart), strict=True)
    seen = [functional.scaled_dot_product_attention(*piece, scale=scale) for piece in pieces]
    return torch.cat(seen, dim=1).transpose(0, 1).to(query.dtype)


def test_all_pictures_at_once_see_what_each_alone_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_attention, "varlen_attn", one_by_one)
    model = build_model(Processor.load(MODEL_FOLDER).tokenizer)
    theirs = model.model.visual.blocks[0].attn
    generator = torch.Generator().manual_seed(0)
    total, width = sum(LENGTHS), theirs.dim
    hidden = torch.randn(total, width, generator=generator)
    angles = torch.randn(total, width // theirs.num_heads // 2, generator=generator).repeat(1, 2)
    bounds = torch.tensor([0, *LENGTHS]).cumsum(0, dtype=torch.int32)
    where = {"cu_seqlens": bounds, "position_embeddings": (angles.cos(), angles.sin())}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        ours = PackedAttention(theirs)(hidden, max_seqlen=max(LENGTHS), **where)
    with torch.no_grad():
        expected = theirs(hidden, **where)
    assert (ours - expected).norm() < 0.01 * expected.norm()
