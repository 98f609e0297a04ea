"""Makes the shipped model from nothing: builds, trains, exports, examines, writes the model card.

May be stopped at any time; started again, it goes on where it was. With `--minutes-a-call` it stops
training by itself and exits with status 75 as long as training is not over. Exits with status 3 if
everything is made and the examination misses a bar.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from training.build import MODEL_FOLDER
from training.card import BROWSER_SCORES, SCORES
from training.evaluate import MISSED
from training.examination.exam import ITEMS
from training.learning.compute import choose_device
from training.plan import PLANS, Phase
from training.world.browser import BrowserMissing, executable

Command = tuple[str, ...]
BROWSER_CELLS = ("color", "shape", "where", "what is at", "yes or no", "count", "description")


def run(module: str, *options: str) -> int:
    """Runs a command of this package; ends with its exit status if it fails."""
    status = subprocess.run([sys.executable, "-m", f"training.{module}", *options]).returncode
    if status not in (0, MISSED):
        sys.exit(status)
    return status


def left(minutes_a_call: float | None, began: float) -> tuple[str, ...]:
    """The trainer's option for what remains of this call, at least a step."""
    if minutes_a_call is None:
        return ()
    return ("--minutes-a-call", f"{max(0.01, minutes_a_call - (time.monotonic() - began) / 60):g}")


def has_browser() -> bool:
    try:
        executable()
    except BrowserMissing:
        return False
    return True


def training(plan: tuple[Phase, ...], folder: Path, device: str) -> list[Command]:
    """What is left to do before the weights are there.

    The new model's own files lie beside the checkpoints: until training is over, the folder that is
    served stays as it is.
    """
    fresh = folder / "model"
    built = (fresh / "model.safetensors").exists()
    befores = (None, *(phase.name for phase in plan))
    return [
        *([] if built else [("build", "--out", str(fresh))]),
        *(
            ("trainer", *phase.command(folder, before, device), "--model", str(fresh))
            for phase, before in zip(plan, befores, strict=False)
        ),
    ]


def finishing(
    plan: tuple[Phase, ...], folder: Path, model: Path, items: int, device: str
) -> list[Command]:
    last = str(folder / f"{plan[-1].name}.pt")
    asked = ("--model", str(model), "--world", "whole", "--items", str(items), "--device", device)
    browser = ("--renderer", "browser", "--json", str(folder / BROWSER_SCORES))
    sheet = ("--json", str(folder / SCORES), "--sheet", str(model / "answers.png"))
    return [
        ("export", "--checkpoint", last, "--model", str(folder / "model"), "--out", str(model)),
        ("curve", "--folder", str(folder), "--out", str(model / "curve.svg")),
        ("evaluate", *asked, *sheet),
        *([("evaluate", *asked, *browser, "--cells", *BROWSER_CELLS)] if has_browser() else []),
        ("card", "--model", str(model), "--folder", str(folder), "--checkpoint", last),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device", default="cpu", help="cpu; cuda or cuda:1 for the plan for a GPU"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="times the plan's minutes")
    parser.add_argument("--folder", type=Path, default=Path(".training"), help="of checkpoints")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="examined of each cell and language"
    )
    parser.add_argument("--minutes-a-call", type=float, help="train no longer than this at once")
    parser.add_argument("--dry-run", action="store_true", help="print the commands only")
    return parser.parse_args()


def main() -> None:
    arguments, began = parse(), time.monotonic()
    try:
        kind, device = choose_device(arguments.device).type, arguments.device
    except ValueError as error:
        sys.exit(f"make: {error}")
    plan = tuple(phase.scaled(arguments.scale) for phase in PLANS[kind])
    folder = arguments.folder
    missed = 0
    for command in (
        *training(plan, folder, device),
        *finishing(plan, folder, arguments.model, arguments.items, device),
    ):
        print("python -m training." + " ".join(command), flush=True)
        if not arguments.dry_run:
            limit = left(arguments.minutes_a_call, began) if command[0] == "trainer" else ()
            missed = max(missed, run(*command, *limit))
    sys.exit(missed)


if __name__ == "__main__":
    main()
