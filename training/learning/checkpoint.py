"""What is kept of a training run, so that it can be stopped at any time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from training.learning.takeover import RowNames, row_names


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of training, as far as it has come; `steps` and `seconds` are its own."""

    name: str
    steps: int
    seconds: float
    finished: bool
    seed: int
    batch_size: int
    learning_rate: float
    compute: str


@dataclass(frozen=True)
class Checkpoint:
    """`step` is the number of batches learnt from in all phases; the last of them may go on.

    weights: a learner's state; rows: what some of its rows stand for, see `take_over`.
    """

    step: int
    phases: tuple[PhaseRecord, ...]
    weights: dict[str, torch.Tensor]
    rows: RowNames
    optimizers: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Replaces the file at once, so that a stop in between leaves the old one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".fresh")
        state = {
            "step": self.step,
            "phases": [asdict(phase) for phase in self.phases],
            "learner": self.weights,
            "rows": self.rows,
            "optimizers": self.optimizers,
        }
        torch.save(state, fresh)
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads a checkpoint onto the CPU; also one of before phases and rows were kept."""
        state = torch.load(path, weights_only=True, map_location="cpu")
        return cls(
            step=state["step"],
            phases=tuple(PhaseRecord(**phase) for phase in state.get("phases", ())),
            weights=state["learner"],
            rows=state.get("rows", {}),
            optimizers=state["optimizers"],
        )

    @classmethod
    def of_model(cls, folder: Path, step: int) -> Checkpoint:
        """The weights of a model folder, which holds no auxiliary heads."""
        weights = load_file(folder / "model.safetensors")
        return cls(
            step=step,
            phases=(),
            weights={f"model.{name}": tensor for name, tensor in weights.items()},
            rows=row_names(PreTrainedTokenizerFast.from_pretrained(folder)),
        )
