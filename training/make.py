"""Makes the shipped model from nothing: builds, trains, exports, draws the examples, examines.

May be stopped at any time; started again, it goes on where it was. With `--minutes-a-call` it stops
training by itself and exits with status 75 as long as training is not over.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from training.build import MODEL_FOLDER
from training.examination.exam import ITEMS
from training.learning.compute import choose_device
from training.plan import PLANS, Phase


def run(module: str, *options: str) -> None:
    """Runs a command of this package; ends with its exit status if it fails."""
    status = subprocess.run([sys.executable, "-m", f"training.{module}", *options]).returncode
    if status:
        sys.exit(status)


def left(minutes_a_call: float | None, began: float) -> tuple[str, ...]:
    """The trainer's option for what remains of this call, at least a step."""
    if minutes_a_call is None:
        return ()
    return ("--minutes-a-call", f"{max(0.01, minutes_a_call - (time.monotonic() - began) / 60):g}")


def commands(
    plan: tuple[Phase, ...], folder: Path, model: Path, items: int
) -> list[tuple[str, ...]]:
    """What is left to do, in order. Training that has begun needs no new random weights."""
    begun = any((folder / f"{phase.name}.pt").exists() for phase in plan)
    build = [] if begun else [("build", "--out", str(model))]
    befores = (None, *(phase.name for phase in plan))
    train = [
        ("trainer", *phase.command(folder, before), "--model", str(model))
        for phase, before in zip(plan, befores, strict=False)
    ]
    last = str(folder / f"{plan[-1].name}.pt")
    # A trial in another folder leaves the pictures that this repository serves alone.
    examples = [("examples",)] if model == MODEL_FOLDER else []
    examine = ("evaluate", "--model", str(model), "--items", str(items))
    finish = [
        ("export", "--checkpoint", last, "--model", str(model), "--out", str(model)),
        ("curve", "--folder", str(folder), "--out", str(model / "curve.svg")),
        *examples,
        (*examine, "--sheet", str(model / "answers.png")),
    ]
    return [*build, *train, *finish]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for the plan for a GPU")
    parser.add_argument("--scale", type=float, default=1.0, help="times the plan's minutes")
    parser.add_argument("--folder", type=Path, default=Path(".training"), help="of checkpoints")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="examined of each cell and language"
    )
    parser.add_argument("--minutes-a-call", type=float, help="train no longer than this at once")
    parser.add_argument("--dry-run", action="store_true", help="print the commands only")
    arguments = parser.parse_args()
    began = time.monotonic()
    plan = PLANS[choose_device(arguments.device).type]
    plan = tuple(phase.scaled(arguments.scale) for phase in plan)
    for command in commands(plan, arguments.folder, arguments.model, arguments.items):
        print("python -m training." + " ".join(command), flush=True)
        if not arguments.dry_run:
            limit = left(arguments.minutes_a_call, began) if command[0] == "trainer" else ()
            run(*command, *limit)


if __name__ == "__main__":
    main()
