"""Peak memory with tower, language model and 8,192 tokens, beside the plan and the promise."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.gpu.command import Options, Row, run
from benchmarks.gpu.memory_plan import GB, memory_plan
from benchmarks.gpu.ours import Ours, random_picture, run_to_end, vision_tower
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.weights import random_weights

PROMISE_GB = 22.0
ANSWER_TOKENS = 8
STEP_TOKENS = 1024
"""The generator's default of tokens a step."""


def main(argv: Sequence[str] | None = None) -> None:
    """Fills a KV cache of 8,192 tokens and reads what the device holds at most."""
    run("memory", measure, argv, __doc__)


def measure(options: Options) -> list[Row]:
    """Returns one row."""
    num_tokens = 256 if options.tiny else 8192
    used = peak_bytes(options, num_tokens)
    plan = memory_plan(options.config, options.dtype, num_tokens, STEP_TOKENS, max_num_seqs=1)
    return [
        {
            "tokens": num_tokens,
            "weights, GB": (plan.language_model + plan.vision_tower) / GB,
            "KV cache, GB": plan.kv_cache / GB,
            "planned in all, GB": plan.total / GB,
            "peak, GB": "only on a GPU" if used is None else used / GB,
            "promise, GB": PROMISE_GB,
        }
    ]


def peak_bytes(options: Options, num_tokens: int) -> int | None:
    """Encodes a picture, computes a prompt in steps and decodes; returns the device's peak.

    What torch reserved at most, and what the driver holds besides; None without a GPU.
    """
    config, device = options.config, options.device
    weights = random_weights(config, device, options.dtype)
    tower = vision_tower(config, weights, device, options.dtype)
    ours = Ours(config, weights, device, options.dtype, options.attention)
    del weights
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    tower.encode([random_picture(config, 56 if options.tiny else 336).image])
    engine = ours.engine(num_tokens, step_tokens=STEP_TOKENS)
    (prompt,) = random_prompts(config, 1, num_tokens - ANSWER_TOKENS)
    engine.add(ours.text(prompt, ANSWER_TOKENS))
    run_to_end(engine)
    return _peak(device) if device.type == "cuda" else None


def _peak(device: torch.device) -> int:
    free, total = torch.cuda.mem_get_info(device)
    outside_torch = total - free - torch.cuda.memory_reserved(device)
    return torch.cuda.max_memory_reserved(device) + outside_torch


if __name__ == "__main__":
    main()
