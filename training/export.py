"""Writes a checkpoint's weights into a model folder, in bfloat16; prints how they came about."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.build import MODEL_FOLDER, build_model, save_weights
from training.companions import copy_companions
from training.learning.checkpoint import Checkpoint, PhaseRecord
from training.model.unused_rows import spread_unused
from training.processing import Processor

PREFIX = "model."  # of transformers' model within a learner
OUTPUT_TABLE = "lm_head.weight"


def export(checkpoint: Path, model: Path, out: Path) -> Checkpoint:
    """Leaves the auxiliary heads behind; returns what was exported."""
    saved = Checkpoint.load(checkpoint)
    weights = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in saved.weights.items()
        if name.startswith(PREFIX)
    }
    weights[OUTPUT_TABLE] = spread_unused(weights[OUTPUT_TABLE])
    built = build_model(Processor.load(model).tokenizer)
    built.load_state_dict(weights)
    out.mkdir(parents=True, exist_ok=True)
    copy_companions(model, out)
    save_weights(built, out)
    return saved


def table(phases: tuple[PhaseRecord, ...]) -> str:
    """The phases as a Markdown table for the model card."""
    rows = ["| phase | batches | of | hours | peak rate | seed | computed on |", "|---" * 7 + "|"]
    rows += [
        f"| {phase.name} | {phase.steps:,} | {phase.batch_size} | {phase.seconds / 3600:.2f} "
        f"| {phase.learning_rate:g} | {phase.seed} | {phase.compute} |"
        for phase in phases
    ]
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path(".training/talk.pt"))
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER, help="tokenizer, template")
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER)
    arguments = parser.parse_args()
    saved = export(arguments.checkpoint, arguments.model, arguments.out)
    print(f"{arguments.out}: weights of step {saved.step}\n\n{table(saved.phases)}")


if __name__ == "__main__":
    main()
