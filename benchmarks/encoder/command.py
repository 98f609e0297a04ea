"""What the encoder does for a picture, beside the plain path of transformers.

make bench-encoder
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from benchmarks.encoder import images, intake, preprocessing, streaming
from benchmarks.encoder.part import Options, Part, Section
from benchmarks.machine import describe_machine, versions
from benchmarks.report import write_report

RESULTS = Path(__file__).parents[1] / "results"
PARTS: MappingProxyType[str, Part] = MappingProxyType(
    {
        "images": images.measure,
        "intake": intake.measure,
        "preprocessing": preprocessing.measure,
        "streaming": streaming.measure,
    }
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the parts one after the other, prints what they found, and writes it."""
    arguments = parse_arguments(argv)
    options = Options(
        model=arguments.model,
        rounds=arguments.rounds,
        clients=arguments.clients,
        num_pictures=arguments.pictures,
    )
    sections = {name: PARTS[name](options, say) for name in arguments.parts}
    report(arguments, sections)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--pictures", type=int, default=64, help="pictures of a turn")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args(argv)


def report(arguments: argparse.Namespace, sections: dict[str, Section]) -> None:
    """Prints all sections and writes them with the raw figures."""
    moment = datetime.now(UTC)
    command = " ".join(["python -m benchmarks.encoder", *sys.argv[1:]])
    texts = [f"## {each.title}\n\n{each.text}\n" for each in sections.values()]
    head = f"# The encoder beside transformers, {moment:%Y-%m-%d}\n\n`{command}`\n"
    text = "\n".join([head, *texts])
    print(text)
    facts = {
        "time": moment.isoformat(timespec="seconds"),
        "command": command,
        "machine": describe_machine(),
        "versions": versions(Path(sys.executable)),
        "sections": {name: dict(each.facts) for name, each in sections.items()},
    }
    write_report(arguments.results, f"{moment:%Y-%m-%d}-encoder", text, facts)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
