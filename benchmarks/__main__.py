"""Serves one checkpoint by Sightline and by every peer that is set up, and compares them."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.contestant import PEERS, Contestant, all_contestants, cores
from benchmarks.experiment import Measurement, measure
from benchmarks.machine import describe_machine, versions
from benchmarks.prompts import PromptMaker
from benchmarks.report import as_facts, results_table, warnings, write_report
from benchmarks.server import Running, StartError, running
from benchmarks.workload import WORKLOADS, Case

ENVIRONMENTS = Path(".cache/peers")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Runs the experiment, prints its table, and writes it with the raw figures."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that servers stop too
    contestants = chosen(arguments)
    cases = chosen_cases(arguments)
    maker = PromptMaker(arguments.model)
    with all_running(contestants, arguments) as started:
        say(f"measuring {', '.join(each.contestant.name for each in started)}")
        found = measure(started, cases, maker, arguments.rounds, say, not arguments.impatient)
        starts = {each.contestant.name: round(each.start_s, 1) for each in started}
    report(arguments, contestants, found, starts)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--rounds", type=int, default=3, help="rounds, in which all take turns")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--requests", type=int, default=8, help="the least requests of a round")
    parser.add_argument("--answer-tokens", type=int, help="instead of the workloads' own")
    parser.add_argument("--contestants", nargs="+", choices=list(all_contestants()))
    parser.add_argument(
        "--impatient", action="store_true", help="ask servers that do not batch by few clients only"
    )
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def chosen(arguments: argparse.Namespace) -> list[Contestant]:
    """Returns the contestants that were asked for, or all whose environment is set up."""
    everyone = all_contestants()
    names = arguments.contestants or [
        name for name, each in everyone.items() if python_of(each, arguments.environments).exists()
    ]
    for name in sorted(set(everyone) - set(names)):
        say(f"without {name}: `make bench-peers` sets it up")
    return [everyone[name] for name in names]


def chosen_cases(arguments: argparse.Namespace) -> list[Case]:
    """Returns every chosen workload at every number of clients."""
    workloads = [WORKLOADS[name] for name in arguments.workloads]
    if arguments.answer_tokens:
        workloads = [replace(each, answer_tokens=arguments.answer_tokens) for each in workloads]
    return [Case(each, n, arguments.requests) for each in workloads for n in arguments.clients]


def python_of(contestant: Contestant, environments: Path) -> Path:
    """Returns the interpreter that a contestant runs with."""
    if not contestant.environment:
        return Path(sys.executable)
    return environments.absolute() / contestant.environment / "bin" / "python"


@contextmanager
def all_running(
    contestants: Sequence[Contestant], arguments: argparse.Namespace
) -> Iterator[list[Running]]:
    """Starts all contestants; one that does not start is named and left out."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="sightline-bench-")))
        started = []
        for each in contestants:
            say(f"starting {each.name}")
            folder = work / each.name
            folder.mkdir()
            values = fillings(each, arguments, folder)
            try:
                started.append(stack.enter_context(running(each, values, folder / "log")))
            except StartError as error:
                say(f"{each.name} did not start and is left out: {error}")
        yield started


def fillings(
    contestant: Contestant, arguments: argparse.Namespace, work: Path
) -> dict[str, object]:
    """Returns what stands for the names in a contestant's description."""
    return {
        "model": arguments.model.absolute(),
        "name": arguments.model.name,
        "environment": arguments.environments.absolute() / contestant.environment,
        "python": python_of(contestant, arguments.environments),
        "peers": PEERS,
        "work": work,
        "cores": len(cores()),
        "core_list": ",".join(map(str, cores())),
    }


def report(
    arguments: argparse.Namespace,
    contestants: Sequence[Contestant],
    found: Sequence[Measurement],
    starts: dict[str, float],
) -> None:
    """Prints the table and writes it beside everything that it was made from."""
    time = datetime.now(UTC)
    facts: dict[str, Any] = {
        "time": time.isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "machine": describe_machine(),
        "versions": {
            each.name: versions(python_of(each, arguments.environments)) for each in contestants
        },
        "settings": {each.name: each.settings for each in contestants},
        "start_s": starts,
        "warnings": warnings(found),
        "measurements": as_facts(found),
    }
    text = page(facts, results_table(found, {each.name: each.title for each in contestants}))
    print(text)
    stem = f"{time:%Y-%m-%d}-{arguments.model.name}"
    for path in write_report(arguments.results, stem, text, facts):
        say(f"written: {path}")


def page(facts: dict[str, Any], results: str) -> str:
    """Returns the Markdown page of an experiment."""
    machine = ", ".join(f"{key} {value}" for key, value in facts["machine"].items())
    ran = [
        f"- **{name}**: {facts['settings'][name]} "
        f"({', '.join(f'{package} {version}' for package, version in packages.items())})"
        for name, packages in facts["versions"].items()
    ]
    doubts = [f"- {line}" for line in facts["warnings"]] or ["- none"]
    parts = [
        f"# {facts['time']}",
        f"`{facts['command']}`; {machine}",
        results,
        "## Settings",
        "\n".join(ran),
        "## Doubts",
        "\n".join(doubts),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
