"""A checkpoint's language model on its device, before it has a KV cache."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import torch
from sightline_common.checkpoint import Checkpoint
from sightline_common.config import SettingInvalidError
from sightline_common.telemetry import log

from sightline_generator.attention.base import Attention, AttentionDemand
from sightline_generator.attention.registry import choose_attention
from sightline_generator.config import GeneratorSettings
from sightline_generator.families.base import Family, LanguageModel
from sightline_generator.families.registry import family_of

BLOCK_SIZE = 16
"""The tokens of a KV block, where the attention kernel does not ask for more."""
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedWeights:
    """A model where it will run, and the attention that it will use."""

    family: Family
    model: LanguageModel
    attention: Attention[object]
    device: torch.device
    dtype: torch.dtype


def load_weights(checkpoint: Checkpoint, settings: GeneratorSettings) -> LoadedWeights:
    """Reads the weights; takes seconds, and on a GPU no memory but theirs.

    Raises SettingInvalidError or CheckpointError.
    """
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    device = _device(settings.device)
    dtype = _dtype(settings.dtype, device)
    family = family_of(checkpoint)
    log(_logger, "loading weights", folder=checkpoint.folder, device=device, dtype=dtype)
    tensors = checkpoint.load_tensors(family.rename_tensor, dtype)
    model = family.build(tensors, device)
    demand = AttentionDemand(device, dtype, family.shape.head_size, family.attention_features)
    attention = choose_attention(settings.attention, BLOCK_SIZE, demand)
    log(_logger, "weights loaded", attention=attention.name, device=device)
    return LoadedWeights(family, model, attention, device, dtype)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingInvalidError(
            f"SIGHTLINE_GENERATOR_DEVICE={name!r} is not a device; use auto, cpu or cuda:0."
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingInvalidError(f"SIGHTLINE_GENERATOR_DEVICE={name}, but torch sees no GPU.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    dtype: torch.dtype = getattr(torch, name)  # the setting has torch's own names
    return dtype
