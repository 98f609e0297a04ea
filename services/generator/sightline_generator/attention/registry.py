"""Chooses an attention implementation."""

from __future__ import annotations

from typing import Any

import torch
from sightline_common.config import SettingInvalidError

from sightline_generator.attention.base import Attention
from sightline_generator.attention.sdpa import SdpaAttention

IMPLEMENTATIONS: list[type[SdpaAttention]] = [SdpaAttention]
"""All implementations, the preferred ones first."""


def choose_attention(
    name: str, block_size: int, device: torch.device, dtype: torch.dtype
) -> Attention[Any]:
    """Returns the named implementation, or for "auto" the first that is supported.

    Raises SettingInvalidError when it is unknown or does not run here.
    """
    for kind in IMPLEMENTATIONS:
        if name in ("auto", kind.name) and kind.supports(device, dtype):
            return kind(block_size, dtype)
    known = ", ".join(kind.name for kind in IMPLEMENTATIONS)
    raise SettingInvalidError(
        f"SIGHTLINE_GENERATOR_ATTENTION={name!r} cannot run on {device}; choose auto or {known}."
    )
