"""Chooses how windows attend, and proves the choice on the device first."""

from __future__ import annotations

import logging

import torch
from sightline_common.telemetry import log

from sightline_encoder.packed_attention import (
    FlashAttn2PackedAttention,
    PackedAttention,
    SdpaPackedAttention,
    TorchFlashPackedAttention,
)

IMPLEMENTATIONS: list[type[PackedAttention]] = [
    FlashAttn2PackedAttention,
    TorchFlashPackedAttention,
    SdpaPackedAttention,
]
"""All implementations, the preferred ones first."""
TOLERANCE = {torch.float16: 5e-3, torch.bfloat16: 4e-2}
"""How far a kernel may be from SDPA in float32, for scores and values of about one."""
_LENGTHS = (1, 64, 7, 130, 130)
_logger = logging.getLogger(__name__)


def choose_packed_attention(
    device: torch.device, dtype: torch.dtype, head_size: int
) -> PackedAttention:
    """Returns the first implementation that serves here and agrees with SDPA on this device."""
    refusals: dict[str, str] = {}
    for kind in IMPLEMENTATIONS:
        reason = kind.refusal(device, dtype, head_size)
        if reason is None:
            attention = kind()
            reason = disagreement(attention, device, dtype, head_size)
            if reason is None:
                _log_choice(attention, refusals)
                return attention
        refusals[kind.name] = reason
    raise AssertionError("SDPA serves everywhere")


def disagreement(
    attention: PackedAttention, device: torch.device, dtype: torch.dtype, head_size: int
) -> str | None:
    """Returns how an implementation differs from SDPA in float32, None where it agrees."""
    if isinstance(attention, SdpaPackedAttention):
        return None
    draw = torch.Generator().manual_seed(0)
    shape = (3, sum(_LENGTHS), 2, head_size)
    exact = torch.randn(shape, generator=draw)
    given = exact.to(device, dtype)
    reference, scale = SdpaPackedAttention(), head_size**-0.5
    q, k, v = exact.unbind()
    expected = reference.forward(q, k, v, reference.plan(_LENGTHS, exact.device), scale)
    q, k, v = given.unbind()
    try:
        found = attention.forward(q, k, v, attention.plan(_LENGTHS, device), scale)
    except Exception as error:  # a kernel that cannot run here may raise anything
        return f"fails on this device: {error}"
    apart = (found.float().cpu() - expected).abs().max().item()
    is_near = apart <= TOLERANCE.get(dtype, 1e-4)
    return None if is_near else f"differs from SDPA by {apart:.3g} on this device"


def _log_choice(attention: PackedAttention, refusals: dict[str, str]) -> None:
    log(
        _logger,
        "tower attention chosen",
        attention=attention.name,
        refused="; ".join(f"{name}: {reason}" for name, reason in refusals.items()),
    )
