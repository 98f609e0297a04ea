"""Makes the shipped model from nothing: builds, trains, exports, draws the examples, examines."""

from __future__ import annotations

import argparse
import subprocess
import sys


def run(module: str, *options: str) -> None:
    subprocess.run([sys.executable, "-m", f"training.{module}", *options], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=65, help="at the full learning rate")
    parser.add_argument("--decay-minutes", type=float, default=25)
    arguments = parser.parse_args()
    run("build")
    run("trainer", "--minutes", str(arguments.minutes))
    run("trainer", "--decay-minutes", str(arguments.decay_minutes))
    run("trainer", "--freeze-sight", "--decay-minutes", "60")
    run("export")
    run("examples")
    run("evaluate")


if __name__ == "__main__":
    main()
