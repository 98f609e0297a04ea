"""The phases in which sightline-nano is trained, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Phase:
    """One run of `training.trainer`: its name, its length in minutes, and further options."""

    name: str
    minutes: float
    decay_minutes: float
    options: tuple[str, ...] = ()

    def command(self, folder: Path, before: str | None) -> list[str]:
        """The trainer's arguments; `before` names the phase whose weights it begins with."""
        start = [] if before is None else ["--from", str(folder / f"{before}.pt")]
        length = ["--minutes", f"{self.minutes:g}", "--decay-minutes", f"{self.decay_minutes:g}"]
        return ["--folder", str(folder), "--phase", self.name, *start, *length, *self.options]

    def scaled(self, factor: float) -> Phase:
        return Phase(self.name, factor * self.minutes, factor * self.decay_minutes, self.options)


# With a frozen tower a batch costs half, and the talk is what is left to learn.
CPU_PLAN = (
    Phase("whole", minutes=300, decay_minutes=60, options=("--device", "cpu")),
    Phase(
        "talk",
        minutes=60,
        decay_minutes=60,
        options=("--device", "cpu", "--freeze-sight", "--learning-rate", "1e-3"),
    ),
)
# One hour on a GPU of the H100 class with 16 CPU cores and 128 GiB. NEVER RUN: none was at hand.
# Launching kernels and drawing pictures are expected to be the narrow places, so the batch is
# moderate, all cores draw, and nothing is frozen. About a million samples, ten times the CPU's.
CUDA_PLAN = (
    Phase(
        "whole",
        minutes=40,
        decay_minutes=15,
        options=("--device", "cuda", "--batch-size", "32", "--workers", "14"),
    ),
)
PLANS = {"cpu": CPU_PLAN, "cuda": CUDA_PLAN}
