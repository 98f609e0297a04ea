"""The vision tower's configuration, read without importing transformers where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

_WITHOUT_EFFECT = frozenset(
    {"model_type", "attention_dropout", "initializer_range", "dtype", "torch_dtype"}
)


@dataclass(frozen=True)
class VisionConfig:
    """What transformers' `Glm4vVisionConfig` states, by the same names and with its defaults."""

    depth: int = 24
    hidden_size: int = 1536
    hidden_act: str = "silu"
    attention_bias: bool = False
    num_heads: int = 12
    in_channels: int = 3
    image_size: int = 336
    patch_size: int = 14
    rms_norm_eps: float = 1e-05
    spatial_merge_size: int = 2
    temporal_patch_size: int = 2
    out_hidden_size: int = 4096
    intermediate_size: int = 13696
    rope_parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"rope_type": "axial", "rope_theta": 10000.0}
    )


_TYPES = {field.name: type(getattr(VisionConfig(), field.name)) for field in fields(VisionConfig)}


def read_vision_config(values: Mapping[str, Any]) -> Any:
    """Returns a vision_config; read by transformers, whose import takes seconds, if it is unusual.

    Raises what transformers raises for values that make no sense.
    """
    return usual_config(values) or transformers_config(values)


def usual_config(values: Mapping[str, Any]) -> VisionConfig | None:
    """Returns a configuration all of whose keys and types are the usual ones, else None."""
    kept = {name: value for name, value in values.items() if name not in _WITHOUT_EFFECT}
    if any(type(value) is not _TYPES.get(name) for name, value in kept.items()):
        return None
    config = VisionConfig(**kept)
    rope = dict(config.rope_parameters)
    is_axial = rope.pop("rope_type", None) == "axial" and [*rope] == ["rope_theta"]
    return config if is_axial and isinstance(rope["rope_theta"], int | float) else None


def transformers_config(values: Mapping[str, Any]) -> Any:
    """Returns transformers' own form of a vision_config; raises what that raises."""
    from transformers.models.glm4v.configuration_glm4v import Glm4vVisionConfig

    return Glm4vVisionConfig(**values)
