"""What differs between model families: where the tower lies in a checkpoint, and its class."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from sightline_common.checkpoint import Checkpoint, CheckpointError
from torch import nn
from transformers.models.glm4v.configuration_glm4v import Glm4vVisionConfig
from transformers.models.glm4v.modeling_glm4v import (
    Glm4vVisionModel,
    Glm4vVisionRotaryEmbedding,
)


@dataclass(frozen=True)
class Glm4vFamily:
    """GLM-4.1V, GLM-4.6V-Flash and sightline-nano: one tower, two layouts of names."""

    prefixes: tuple[str, ...] = ("model.visual.", "visual.")

    def rename(self, name: str) -> str | None:
        """Returns a tensor's name inside the tower; None for tensors of other parts."""
        for prefix in self.prefixes:
            if name.startswith(prefix):
                return name.removeprefix(prefix)
        return None

    def config(self, checkpoint: Checkpoint) -> Glm4vVisionConfig:
        """Returns the tower's configuration."""
        return Glm4vVisionConfig(**checkpoint.config["vision_config"])

    def build(self, config: Glm4vVisionConfig) -> nn.Module:
        """Returns the tower on the meta device, its rotary frequencies on the CPU.

        These frequencies are in no checkpoint: they are computed, in float32.
        """
        with torch.device("meta"):
            tower: Any = Glm4vVisionModel._from_config(config, attn_implementation="sdpa")
        tower.rotary_pos_emb = Glm4vVisionRotaryEmbedding(config)
        module: nn.Module = tower
        return module


_GLM4V = Glm4vFamily()
FAMILIES = MappingProxyType({"glm4v": _GLM4V, "glm46v": _GLM4V})


def family_of(checkpoint: Checkpoint) -> Glm4vFamily:
    """Returns the family of a checkpoint; raises CheckpointError when none fits."""
    model_type = checkpoint.config.get("model_type", "")
    if model_type not in FAMILIES or "vision_config" not in checkpoint.config:
        raise CheckpointError(
            f"{checkpoint.folder} has model_type {model_type!r}; "
            f"the encoder serves {', '.join(sorted(FAMILIES))} checkpoints with a vision_config."
        )
    return FAMILIES[model_type]
