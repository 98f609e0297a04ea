"""Warm-up, a stable stretch, and a linear decay to zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

WARMUP_STEPS = 60


class Unit(Enum):
    STEPS = "steps"
    MINUTES = "minutes"


@dataclass(frozen=True)
class Schedule:
    """The share of the peak learning rate over one phase of training.

    It is constant for `steady` units and falls to zero for `decay` units more; without a decay it
    ends at once. Steps make the end independent of the machine's speed.
    """

    unit: Unit = Unit.STEPS
    steady: float = math.inf
    decay: float = 0.0
    warmup_steps: int = WARMUP_STEPS

    @classmethod
    def of(
        cls,
        steps: float | None = None,
        minutes: float | None = None,
        decay_steps: float | None = None,
        decay_minutes: float | None = None,
    ) -> Schedule:
        """Raises ValueError for a mixture of steps and minutes."""
        by_steps, by_minutes = (steps, decay_steps), (minutes, decay_minutes)
        if any(by_steps) and any(by_minutes):
            raise ValueError("Give the constant part and the decay both in steps or in minutes.")
        unit = Unit.MINUTES if any(by_minutes) else Unit.STEPS
        steady, decay = by_minutes if unit is Unit.MINUTES else by_steps
        forever = math.inf if not decay else 0.0
        return cls(unit, steady or forever, decay or 0.0)

    def share(self, steps: int, minutes: float) -> float:
        """From 1 down to 0, where the phase ends. Both count from the beginning of the phase."""
        return min(1.0, (steps + 1) / self.warmup_steps) * self.left(steps, minutes)

    def left(self, steps: int, minutes: float) -> float:
        """How much of the decay is left."""
        beyond = (steps if self.unit is Unit.STEPS else minutes) - self.steady
        if beyond < 0:
            return 1.0
        return max(0.0, 1 - beyond / self.decay) if self.decay else 0.0
