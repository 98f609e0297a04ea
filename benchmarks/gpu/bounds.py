"""How fast the device could be at best, from its own measured memory and arithmetic speed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.gpu.configuration import Config
from benchmarks.gpu.memory_plan import kv_bytes_per_token
from benchmarks.gpu.timing import seconds
from benchmarks.gpu.weights import EMBEDDINGS, LANGUAGE_MODEL, Shapes, checkpoint_shapes, count

REPEATS = 5


@dataclass(frozen=True)
class DeviceSpeed:
    """Bytes and floating-point operations a second, the best of a few tries."""

    bytes_per_s: float
    flops_per_s: float


def measure_speed(device: torch.device, dtype: torch.dtype, tiny: bool) -> DeviceSpeed:
    """Copies a large buffer and multiplies two large matrices."""
    num_bytes, edge = (2**22, 256) if tiny else (2**30, 8192)
    source = torch.zeros(num_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    left, right = (torch.ones(edge, edge, dtype=dtype, device=device) for _ in range(2))
    copying = min(seconds(lambda: target.copy_(source), device) for _ in range(REPEATS))
    multiplying = min(seconds(lambda: left @ right, device) for _ in range(REPEATS))
    return DeviceSpeed(2 * num_bytes / copying, 2 * edge**3 / multiplying)


def decode_bound(
    config: Config, dtype: torch.dtype, speed: DeviceSpeed, batch: int, context: float
) -> float:
    """Returns tokens a second if a step did nothing but read weights and keys and values."""
    num_bytes = _read_weights(checkpoint_shapes(config)) * dtype.itemsize
    num_bytes += int(batch * context * kv_bytes_per_token(config, dtype))
    return float(batch * speed.bytes_per_s / num_bytes)


def prefill_bound(config: Config, speed: DeviceSpeed, num_tokens: int) -> float:
    """Returns tokens a second if a prefill did nothing but its multiplications.

    Twice the layers' parameters a token, and causal attention's two products.
    """
    text, shapes = config["text_config"], checkpoint_shapes(config)
    head = shapes["lm_head.weight"].numel()
    linear = 2 * (_read_weights(shapes) - head) * num_tokens + 2 * head
    attention = 2 * num_tokens**2 * text["hidden_size"] * text["num_hidden_layers"]
    return float(num_tokens * speed.flops_per_s / (linear + attention))


def _read_weights(shapes: Shapes) -> int:
    # Of the embeddings a step reads a few rows.
    return count(shapes, LANGUAGE_MODEL) - shapes[EMBEDDINGS].numel()
