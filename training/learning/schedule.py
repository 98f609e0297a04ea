"""Warm-up, a stable stretch of any length, and a linear decay that may start at any checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

WARMUP_STEPS = 60


@dataclass
class Schedule:
    """The share of the peak learning rate. Without a decay training goes on until stopped."""

    decay_steps: int | None = None
    decay_minutes: float | None = None
    started: float = field(default_factory=time.monotonic)

    def share(self, step: int, steps_here: int) -> float:
        """`step` counts from the beginning of training, `steps_here` from that of this run."""
        return min(1.0, (step + 1) / WARMUP_STEPS) * self.left(steps_here)

    def left(self, steps_here: int) -> float:
        """How much of the decay is left, from 1 down to 0."""
        left = 1.0
        if self.decay_steps is not None:
            left = min(left, 1 - steps_here / self.decay_steps)
        if self.decay_minutes is not None:
            minutes = (time.monotonic() - self.started) / 60
            left = min(left, 1 - minutes / self.decay_minutes)
        return max(left, 0.0)
