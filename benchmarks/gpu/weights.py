"""Random weights, made where they are used: nothing is read from disk or copied."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Glm46VForConditionalGeneration

from benchmarks.gpu.configuration import Config, transformers_config

STANDARD_DEVIATION = 0.02
LANGUAGE_MODEL = ("model.language_model.", "lm_head.")
VISION_TOWER = ("model.visual.",)
EMBEDDINGS = "model.language_model.embed_tokens.weight"

Shapes = dict[str, torch.Size]


def checkpoint_shapes(config: Config) -> Shapes:
    """Returns name and shape of every tensor of a checkpoint."""
    return {name: tensor.shape for name, tensor in meta_model(config).state_dict().items()}


def meta_model(config: Config) -> Any:
    """Returns transformers' model without memory behind its tensors."""
    with torch.device("meta"):
        return Glm46VForConditionalGeneration(transformers_config(config))


def random_weights(
    config: Config, device: torch.device, dtype: torch.dtype, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Returns a checkpoint's tensors on a device; norms are ones, the rest small normals."""
    generator = torch.Generator(device).manual_seed(seed)

    def draw(name: str, shape: torch.Size) -> torch.Tensor:
        tensor = torch.empty(shape, device=device, dtype=dtype)
        if "norm" in name and name.endswith("weight"):
            return tensor.fill_(1)
        return tensor.normal_(0, STANDARD_DEVIATION, generator=generator)

    return {name: draw(name, shape) for name, shape in checkpoint_shapes(config).items()}


def count(shapes: Shapes, prefixes: tuple[str, ...]) -> int:
    """Counts the parameters whose names begin so."""
    return sum(shape.numel() for name, shape in shapes.items() if name.startswith(prefixes))
