"""One run of a benchmark: how it is asked for, and how it is written down."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine, versions
from benchmarks.report import write_report

RESULTS = Path(__file__).parent / "results"
MODEL = Path("models/sightline-nano")


def run_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Returns a parser that knows the checkpoint, and the folder of results."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser


@dataclass(frozen=True)
class Run:
    """A module that runs as a benchmark, with this process's arguments.

    `form` tells the reports of a module that measures several things apart.
    """

    module: str
    form: str = ""
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def command(self) -> str:
        """What repeats it."""
        return " ".join([f"python -m {self.module}", *sys.argv[1:]])

    @property
    def stem(self) -> str:
        """The name of its reports: a date, and what was measured."""
        name = self.module.removeprefix("benchmarks.").replace("_", "-")
        return "-".join(filter(None, [f"{self.moment:%Y-%m-%d}", name, self.form]))

    def write(self, folder: Path, title: str, body: str, facts: Mapping[str, Any]) -> None:
        """Prints a report and writes it, with raw figures and what they were taken on."""
        text = f"# {title}, {self.moment:%Y-%m-%d}\n\n`{self.command}`\n\n{body}\n"
        print(text)
        own = {
            "time": self.moment.isoformat(timespec="seconds"),
            "command": self.command,
            "machine": describe_machine(),
            "versions": versions(Path(sys.executable)),
        }
        write_report(folder, self.stem, text, {**own, **facts})
