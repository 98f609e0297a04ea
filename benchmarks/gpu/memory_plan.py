"""What the memory of a GPU holds, by arithmetic on the configuration alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sightline_generator.engine.model_runner import kv_block_bytes
from sightline_generator.families.glm4v import Glm4vFamily

from benchmarks.gpu.configuration import Config
from benchmarks.gpu.weights import LANGUAGE_MODEL, VISION_TOWER, checkpoint_shapes, count

GB = 10**9
CONTEXT_BYTES = 600 * 1024**2
"""What driver, cuBLAS workspace and kernels take before the first tensor: about this much."""


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes by purpose.

    `activations` counts the widest moments of a prefill step and of a decoding step, whichever
    is larger; they reuse each other's memory.
    """

    language_model: int
    vision_tower: int
    kv_cache: int
    activations: int
    context: int

    @property
    def total(self) -> int:
        return (
            self.language_model
            + self.vision_tower
            + self.kv_cache
            + self.activations
            + self.context
        )


def kv_bytes_per_token(config: Config, dtype: torch.dtype) -> int:
    """Returns the bytes of one token's keys and values over all layers."""
    return kv_block_bytes(Glm4vFamily(config).shape, 1, dtype)


def memory_plan(
    config: Config,
    dtype: torch.dtype,
    num_tokens: int,
    max_num_batched_tokens: int = 1024,
    max_num_seqs: int = 32,
) -> MemoryPlan:
    """Returns the plan for a KV cache of `num_tokens`."""
    shapes = checkpoint_shapes(config)
    return MemoryPlan(
        language_model=count(shapes, LANGUAGE_MODEL) * dtype.itemsize,
        vision_tower=count(shapes, VISION_TOWER) * dtype.itemsize,
        kv_cache=num_tokens * kv_bytes_per_token(config, dtype),
        activations=max(
            _prefill_bytes(config, dtype, max_num_batched_tokens),
            _sampling_bytes(config, max_num_seqs),
        ),
        context=CONTEXT_BYTES,
    )


def _prefill_bytes(config: Config, dtype: torch.dtype, num_tokens: int) -> int:
    """Counts residual, normed input, gate and up, and the activated gate, of one layer."""
    text = config["text_config"]
    width = 2 * text["hidden_size"] + 3 * text["intermediate_size"]
    return int(num_tokens * width * dtype.itemsize)


def _sampling_bytes(config: Config, num_seqs: int) -> int:
    """Counts float32 logits, and float64 values with their order for sequences that draw."""
    return int(num_seqs * config["text_config"]["vocab_size"] * (4 + 4 * 8))
