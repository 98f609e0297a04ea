"""Chooses an attention implementation."""

from __future__ import annotations

import logging
from typing import Any

from sightline_common.config import SettingInvalidError
from sightline_common.telemetry import log

from sightline_generator.attention.base import Attention, AttentionDemand
from sightline_generator.attention.flash import (
    FlashAttention2,
    FlashAttention3,
    GatheredFlashAttention,
    PagedFlashAttention,
)
from sightline_generator.attention.paged_cpu import PagedCpuAttention
from sightline_generator.attention.sdpa import SdpaAttention
from sightline_generator.attention.self_check import disagreement

IMPLEMENTATIONS: list[type[Attention[Any]]] = [
    FlashAttention3,
    FlashAttention2,
    GatheredFlashAttention,
    PagedFlashAttention,
    PagedCpuAttention,
    SdpaAttention,
]
"""All implementations, the preferred ones first."""
_logger = logging.getLogger(__name__)


def refusal(kind: type[Attention[Any]], demand: AttentionDemand) -> str | None:
    """Returns why an implementation cannot serve here; None if it can."""
    missing = sorted(feature.value for feature in demand.features - kind.features)
    if missing:
        return f"has no {' and no '.join(missing)}"
    return kind.refusal(demand)


def choose_attention(name: str, grain: int, demand: AttentionDemand) -> Attention[Any]:
    """Returns the named implementation, or for "auto" the first that serves here.

    Its `block_size` is the smallest multiple of `grain` that the kernel takes. All but
    SDPA itself are first compared with it on this device. Raises SettingInvalidError when
    `name` is unknown or does not serve here.
    """
    refusals: dict[str, str] = {}
    for kind in IMPLEMENTATIONS:
        if name in ("auto", kind.name):
            found = _made(kind, grain, demand)
            if isinstance(found, Attention):
                _log_choice(found, refusals)
                return found
            refusals[kind.name] = found
    raise SettingInvalidError(_complaint(name, demand, refusals))


def _made(kind: type[Attention[Any]], grain: int, demand: AttentionDemand) -> Attention[Any] | str:
    """Returns an implementation that proved itself here, or why there is none."""
    reason = refusal(kind, demand)
    if reason is not None:
        return reason
    attention = kind(kind.block_size_for(grain), demand.dtype)
    return disagreement(attention, demand) or attention


def _log_choice(attention: Attention[Any], refusals: dict[str, str]) -> None:
    log(
        _logger,
        "attention chosen",
        attention=attention.name,
        block_size=attention.block_size,
        refused="; ".join(f"{name}: {reason}" for name, reason in refusals.items()),
    )


def _complaint(name: str, demand: AttentionDemand, refusals: dict[str, str]) -> str:
    known = ", ".join(kind.name for kind in IMPLEMENTATIONS)
    why = f" (it {refusals[name]})" if name in refusals else ""
    return (
        f"SIGHTLINE_GENERATOR_ATTENTION={name!r} cannot run on {demand.device}{why}; "
        f"choose auto or one of {known}."
    )
