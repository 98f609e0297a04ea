"""What the page costs its readers and its server: `python -m benchmarks.page`.

The web service runs as it is served, with a scripted generator behind it. A Chromium opens
pages, watchers without a browser read many streams at once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestant import Contestant
from benchmarks.measure import median, percentile, table
from benchmarks.page.scripted_generator import NAME
from benchmarks.page.visits import Visit, long_conversation, read_in, response_s, visits
from benchmarks.page.watchers import Watching, watch
from benchmarks.run import RESULTS, Run
from benchmarks.server import Running, named_ports, running

NUM_MESSAGES = 500


@dataclass(frozen=True)
class Figure:
    """Something measured, and the most that it may be."""

    name: str
    value: float
    limit: float | None
    unit: str

    @property
    def row(self) -> list[str]:
        holds = "" if self.limit is None else "yes" if self.value <= self.limit else "**no**"
        most = "" if self.limit is None else f"{self.limit:g} {self.unit}"
        return [self.name, f"{self.value:.3g} {self.unit}", most, holds]


def main() -> None:
    """Measures, prints the table, and writes it with the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="openings of each page")
    parser.add_argument("--seconds", type=float, default=10.0, help="of watching streams")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with running_page() as web:
        figures = [
            *reading(web.port, arguments.rounds),
            *writing(web, arguments.streams, arguments.seconds),
        ]
    report(arguments, figures)


@contextmanager
def running_page() -> Iterator[Running]:
    """Starts a scripted generator and the web service, and stops them."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="sightline-page-")))
        values = {"name": NAME, **named_ports()}
        for service in (_generator(values["port_1"]), _web(values, work)):
            web = stack.enter_context(running(service, values, work / f"{service.name}.log"))
        yield web


def _generator(port: object) -> Contestant:
    command = (sys.executable, "-m", "benchmarks.page.scripted_generator", str(port))
    return _service("generator", command, "", {})


def _web(values: dict[str, object], work: Path) -> Contestant:
    variables = {
        "SIGHTLINE_WEB_PORT": str(values["port"]),
        "SIGHTLINE_GENERATOR_TARGET": f"127.0.0.1:{values['port_1']}",
        "SIGHTLINE_DATA_DIR": str(work),
    }
    return _service("web", (sys.executable, "-m", "sightline_web"), "/ready", variables)


def _service(
    name: str, command: tuple[str, ...], ready: str, variables: dict[str, str]
) -> Contestant:
    return Contestant(
        name=name,
        title=name,
        settings="",
        environment="",
        command=command,
        ready=ready,
        variables=variables,
    )


def reading(port: int, num_rounds: int) -> list[Figure]:
    """Measures what a reader waits for."""
    start = visits(f"http://127.0.0.1:{port}/", num_rounds)
    address = read_in(port, long_conversation(NUM_MESSAGES))
    long = visits(address, num_rounds)
    others = frozenset().union(*(each.hosts for each in (*start, *long))) - {f"127.0.0.1:{port}"}
    return [
        Figure("first load, over the wire", max(each.num_bytes for each in start) / 1024, 60, "KB"),
        Figure("other hosts that were asked", len(others), 0, "hosts"),
        Figure("first paint", _middle(start, "first_paint_s") * 1e3, 300, "ms"),
        Figure("first load: CPU of its thread", _middle(start, "cpu_s") * 1e3, None, "ms"),
        Figure(
            f"{NUM_MESSAGES} messages: answer", response_s(address, num_rounds) * 1e3, None, "ms"
        ),
        Figure(
            f"{NUM_MESSAGES} messages: first paint", _middle(long, "first_paint_s") * 1e3, 500, "ms"
        ),
        Figure(f"{NUM_MESSAGES} messages: loaded", _middle(long, "loaded_s") * 1e3, 500, "ms"),
        Figure(
            f"{NUM_MESSAGES} messages: CPU of its thread", _middle(long, "cpu_s") * 1e3, None, "ms"
        ),
    ]


def _middle(found: Sequence[Visit], name: str) -> float:
    return median([getattr(each, name) for each in found])


def writing(web: Running, num_streams: int, seconds: float) -> list[Figure]:
    """Measures what growing answers cost the web process."""
    pid = web.process.pid
    one = asyncio.run(watch(web.port, pid, 1, 50, seconds))
    many = asyncio.run(watch(web.port, pid, num_streams, 10, seconds))
    streams = f"{num_streams} streams at 10 tokens/s"
    return [
        Figure("one stream at 50 tokens/s: web", one.web_share * 100, 5, "% of a core"),
        Figure("one stream at 50 tokens/s: p95 gap", _gap_ms(one), None, "ms"),
        Figure(f"{streams}: p95 gap", _gap_ms(many), 500, "ms"),
        Figure(f"{streams}: web", many.web_share, 1.5, "cores"),
        Figure(f"{streams}: their readers", many.client_share, None, "cores"),
    ]


def _gap_ms(seen: Watching) -> float:
    return percentile(seen.gaps_s, 95) * 1e3


def report(arguments: argparse.Namespace, figures: Sequence[Figure]) -> None:
    """Prints the table and writes it with the raw figures."""
    rows = table(["what", "measured", "at most", "holds"], [each.row for each in figures])
    facts = {"figures": [asdict(each) for each in figures]}
    Run("benchmarks.page").write(arguments.results, "The page", rows, facts)


if __name__ == "__main__":
    main()
