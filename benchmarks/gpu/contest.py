"""Sightline and transformers' `generate` over one set of weights, taking turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.gpu.command import Options, middle
from benchmarks.gpu.ours import Ours
from benchmarks.gpu.peer import GeneratePeer
from benchmarks.gpu.timing import alternating
from benchmarks.gpu.weights import random_weights


@dataclass(frozen=True)
class Contest:
    """Both sides, the weights they share, and how to run."""

    options: Options
    weights: dict[str, torch.Tensor]
    ours: Ours
    peer: GeneratePeer

    @classmethod
    def prepare(cls, options: Options) -> Contest:
        config, device = options.config, options.device
        weights = random_weights(config, device, options.dtype)
        ours = Ours(config, weights, device, options.dtype, options.attention)
        return cls(options, weights, ours, GeneratePeer(config, weights, device))

    def medians(
        self, mine: Callable[[], float], theirs: Callable[[], float]
    ) -> tuple[float | None, float | None]:
        """Returns both sides' median seconds, None for one that ran out of memory."""
        times = alternating({"mine": mine, "theirs": theirs}, self.options.rounds)
        return middle(times["mine"]), middle(times["theirs"])
