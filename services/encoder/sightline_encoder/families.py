"""What differs between model families: where the tower lies in a checkpoint, and its class."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from sightline_common.checkpoint import Checkpoint, CheckpointError
from torch import nn

from sightline_encoder.tower_weights import TowerWeights
from sightline_encoder.vision_config import read_vision_config, transformers_config


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

    def config(self, checkpoint: Checkpoint) -> Any:
        """Returns the tower's configuration, with the names that transformers gives its values."""
        return read_vision_config(checkpoint.config["vision_config"])

    def build(self, config: Any) -> TowerWeights:
        """Returns the tower's tensors on the meta device."""
        with torch.device("meta"):
            return TowerWeights(config)

    def build_plain(self, checkpoint: Checkpoint) -> nn.Module:
        """Returns transformers' own tower on the meta device, its rotary frequencies on the CPU.

        These frequencies are in no checkpoint: they are computed, in float32.
        """
        # Only here: this import takes seconds.
        from transformers.models.glm4v import modeling_glm4v

        config = transformers_config(checkpoint.config["vision_config"])
        with torch.device("meta"):
            tower: Any = modeling_glm4v.Glm4vVisionModel._from_config(
                config, attn_implementation="sdpa"
            )
        tower.rotary_pos_emb = modeling_glm4v.Glm4vVisionRotaryEmbedding(config)
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
