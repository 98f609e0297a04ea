"""Writes a checkpoint's weights into a model folder, in bfloat16."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from training.build import MODEL_FOLDER, build_model, save_weights
from training.learning.learner import Learner
from training.processing import Processor


def export(checkpoint: Path, model: Path, out: Path) -> int:
    """Returns the number of steps that the weights were trained for."""
    learner = Learner(build_model(Processor.load(model).tokenizer))
    state = torch.load(checkpoint, weights_only=True)
    learner.load_state_dict(state["learner"])
    out.mkdir(parents=True, exist_ok=True)
    save_weights(learner.model, out)
    return int(state["step"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path(".training/checkpoint.pt"))
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER, help="tokenizer, template")
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER)
    arguments = parser.parse_args()
    step = export(arguments.checkpoint, arguments.model, arguments.out)
    print(f"{arguments.out}: weights of step {step}")


if __name__ == "__main__":
    main()
