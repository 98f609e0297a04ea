"""Compares a kernel with SDPA on the machine that it is to run on."""

from __future__ import annotations

from typing import Any

import torch
from sightline_common.config import SettingInvalidError

from sightline_generator.attention.base import (
    NULL_BLOCK,
    Attention,
    AttentionDemand,
    AttentionMetadata,
)
from sightline_generator.attention.sdpa import SdpaAttention

TOLERANCE = 3e-2
"""Attended unit normals differ by less in float16 and bfloat16."""
NUM_HEADS, NUM_KV_HEADS = 4, 2
CASES = (([1, 40, 7], [1500, 40, 300]), ([1, 1, 1], [1100, 3, 2100]))
"""Query and key lengths: a mixed step, and a decoding one that kernels like to split."""


@torch.inference_mode()
def disagreement(attention: Attention[Any], demand: AttentionDemand) -> str | None:
    """Returns how an implementation fails on small paged batches; None if it does not.

    Packages change, and a kernel that silently leaves rows out has been released before
    (pytorch issue 194167). The check takes milliseconds, once a start.
    """
    if isinstance(attention, SdpaAttention):
        return None
    try:
        differences = [_difference(attention, demand, *case) for case in CASES]
    except Exception as error:
        _require_device(demand.device, attention.name)
        return f"failed its self-check: {error}"
    for difference in differences:
        # Written so that NaN fails.
        if not difference <= TOLERANCE:
            return f"differs from sdpa by {difference:.3g} in its self-check"
    return None


def _require_device(device: torch.device, name: str) -> None:
    """Raises SettingInvalidError when a kernel took the whole device down with it."""
    try:
        torch.ones(1, device=device).item()
    except RuntimeError as error:
        raise SettingInvalidError(
            f"The attention implementation {name} crashed {device} in its self-check; set "
            "SIGHTLINE_GENERATOR_ATTENTION to another one and start again."
        ) from error


def _difference(
    attention: Attention[Any], demand: AttentionDemand, num_queries: list[int], used: list[int]
) -> float:
    metadata = _metadata(num_queries, used, attention.block_size, demand.device)
    draw = torch.Generator(demand.device).manual_seed(0)
    size = (NUM_KV_HEADS, demand.head_size)
    num_blocks = int(metadata.block_table.max()) + 1

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw, device=demand.device).to(demand.dtype)

    query = normal(sum(num_queries), NUM_HEADS, demand.head_size)
    keys, values = (normal(num_blocks, attention.block_size, *size) for _ in range(2))
    scale = demand.head_size**-0.5
    output = attention.forward(query, keys, values, attention.plan(metadata), scale)
    plain = SdpaAttention(attention.block_size, torch.float32)
    tensors = (query.float(), keys.float(), values.float())
    expected = plain.forward(*tensors, plain.plan(metadata), scale)
    return float((output.float() - expected).abs().max())


def _metadata(
    num_queries: list[int], used: list[int], block_size: int, device: torch.device
) -> AttentionMetadata:
    counts = [-(-length // block_size) for length in used]
    # Descending, so that a kernel that ignores the block table cannot pass.
    order = list(range(sum(counts), NULL_BLOCK, -1))
    tables = [[order.pop(0) for _ in range(count)] for count in counts]
    padded = [table + [NULL_BLOCK] * (max(counts) - len(table)) for table in tables]
    return AttentionMetadata(
        cu_seqlens_q=torch.tensor([0, *num_queries], device=device).cumsum(0, dtype=torch.int32),
        seqused_k=torch.tensor(used, device=device, dtype=torch.int32),
        block_table=torch.tensor(padded, device=device, dtype=torch.int32),
        max_seqlen_q=max(num_queries),
        max_seqlen_k=max(used),
    )
