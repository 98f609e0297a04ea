"""How well similar pictures are told from different ones: `python -m benchmarks.similar`.

Draws pictures of twelve kinds, each with a twin in which one detail differs, sends both on
journeys through other formats, qualities and sizes, and asks the encoder's own code which of
them it takes for the original.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random

from benchmarks.machine import describe_machine
from benchmarks.report import write_report
from benchmarks.similar.figures import false, found, page
from benchmarks.similar.journeys import JOURNEYS
from benchmarks.similar.plot import draw_distances
from benchmarks.similar.trial import KINDS, Sample, Trial, run_trials

RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    """Measures, prints the tables, and writes them with a plot."""
    arguments = parse_arguments()
    assigned = assign(arguments.pairs, arguments.journeys)
    trials: list[Trial] = []
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        finished = pool.map(run_trials, assigned.values(), assigned)
        for name, results in zip(assigned, finished, strict=True):
            trials += results
            print(f"{name}: {len(assigned[name])} pairs", file=sys.stderr, flush=True)
    report(arguments, trials)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=__doc__)
    parser.add_argument("--pairs", type=int, default=612, help="twins, evenly of all kinds")
    parser.add_argument("--journeys", type=int, default=4, help="journeys of each, of all")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def assign(num_pairs: int, num_journeys: int) -> dict[str, list[Sample]]:
    """Returns the twins that go on each journey, drawn so that all journeys see all kinds."""
    rng = Random(0)
    assigned: dict[str, list[Sample]] = defaultdict(list)
    for number in range(-(-num_pairs // len(KINDS))):
        for kind in KINDS:
            for name in rng.sample(list(JOURNEYS), num_journeys):
                assigned[name].append(Sample(kind, number))
    return assigned


def report(arguments: argparse.Namespace, trials: Sequence[Trial]) -> None:
    time = datetime.now(UTC)
    stem = f"{time:%Y-%m-%d}-similar"
    command = " ".join(["python -m benchmarks.similar", *sys.argv[1:]])
    machine = describe_machine()
    head = f"# Similar pictures, {time:%Y-%m-%d}\n\n`{command}`; " + ", ".join(
        f"{key} {value}" for key, value in machine.items()
    )
    text = page(trials, head, f"{stem}.png")
    print(text)
    facts = {
        "time": time.isoformat(timespec="seconds"),
        "command": command,
        "machine": machine,
        "found": found(trials),
        "false": false(trials),
    }
    for path in write_report(arguments.results, stem, text, facts):
        print(f"written: {path}", file=sys.stderr)
    draw_distances(trials, arguments.results / f"{stem}.png")


if __name__ == "__main__":
    main()
