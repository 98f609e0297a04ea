"""The phases in which sightline-nano is trained, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.learning.machine import usable_cores


@dataclass(frozen=True)
class Phase:
    """One run of `training.trainer`: its name, its length in minutes, and further options."""

    name: str
    minutes: float
    decay_minutes: float
    options: tuple[str, ...] = ()

    def command(self, folder: Path, before: str | None, device: str) -> list[str]:
        """The trainer's arguments; `before` names the phase whose weights it begins with."""
        start = [] if before is None else ["--from", str(folder / f"{before}.pt")]
        length = ["--minutes", f"{self.minutes:g}", "--decay-minutes", f"{self.decay_minutes:g}"]
        where = ["--folder", str(folder), "--phase", self.name, "--device", device]
        return [*where, *start, *length, *self.options]

    def scaled(self, factor: float) -> Phase:
        return Phase(self.name, factor * self.minutes, factor * self.decay_minutes, self.options)


# With a frozen tower a batch costs half, and the talk is what is left to learn.
CPU_PLAN = (
    Phase("whole", minutes=300, decay_minutes=60),
    Phase(
        "talk",
        minutes=60,
        decay_minutes=60,
        options=("--freeze-sight", "--learning-rate", "1e-3"),
    ),
)
# Nothing is frozen, and all cores draw but those that launch kernels and hand batches over. Never
# run as a whole: README.md says what the minutes are guessed from.
DRAWING = max(1, usable_cores() - 2)
CUDA_PLAN = (
    Phase(
        "whole",
        minutes=80,
        decay_minutes=40,
        options=("--batch-size", "64", "--workers", str(DRAWING)),
    ),
)
PLANS = {"cpu": CPU_PLAN, "cuda": CUDA_PLAN}
