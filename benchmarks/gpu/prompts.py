"""Prompts of random tokens."""

from __future__ import annotations

import random

from benchmarks.gpu.configuration import Config


def random_prompts(config: Config, num_prompts: int, length: int, seed: int = 0) -> list[list[int]]:
    """Returns prompts without special tokens."""
    chance = random.Random(seed)
    most = min(config[name] for name in config if name.endswith("_token_id"))
    return [[chance.randrange(most) for _ in range(length)] for _ in range(num_prompts)]
