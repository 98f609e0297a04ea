"""Images a second and p99: the served encoder beside the plain path, taking turns."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestant import cores
from benchmarks.encoder.mixture import MIXTURE, mixture
from benchmarks.encoder.part import Options, Say, Section
from benchmarks.encoder.plain_process import PlainProcess, running_plain
from benchmarks.encoder.served import Served, running_encoder, served_turn
from benchmarks.encoder.turn import Case, Turn, ratio
from benchmarks.measure import table

MISSES = "Sightline, new pictures"
HITS = "Sightline, known pictures"
PLAIN_ALONE = "transformers, one by one"
PLAIN_BATCHED = "transformers, in batches"
BARS = {MISSES: 1.5, HITS: 20.0}
"""What is promised on a CPU's 2 cores: times as many images a second as the better plain path."""
NUM_WARM_UP = len(MIXTURE)
KNOWN_REPEATS = 10
"""How often known pictures are asked for in a turn, which would be over too soon."""
HEADER = (
    "clients",
    "contestant",
    "images/s",
    "times as many",
    "promised",
    "p99 ms",
    "CPU ms/image",
)

Take = Callable[[], Turn]


@dataclass(frozen=True)
class Contest:
    """The encoder, the plain path, and a folder for pictures."""

    encoder: Served
    plain: PlainProcess
    folder: Path


def measure(options: Options, say: Say) -> Section:
    """Lets everyone see each kind of picture, then runs the rounds that count."""
    turns: defaultdict[tuple[int, str], list[Turn]] = defaultdict(list)
    with contest(options) as running:
        say("images: warm-up")
        list(_round(running, NUM_WARM_UP, max(options.clients), -1))
        for round_ in options.counted_rounds():
            for num_clients in options.clients:
                say(f"images: round {round_ + 1} of {options.rounds}, {num_clients} clients")
                num_pictures = max(options.num_pictures, num_clients)
                for name, turn in _round(running, num_pictures, num_clients, round_):
                    turns[num_clients, name].append(turn)
                    say(f"  {name}: {turn.images_per_s:.1f} images/s")
    cases = [Case(name, clients, found) for (clients, name), found in turns.items()]
    facts = {
        "cases": [dataclasses.asdict(case) for case in cases],
        "settings": settings(options),
        "attention": running.encoder.attention,
        "plain": running.plain.facts,
        "cores": len(cores()),
    }
    text = _text(cases, options, running.encoder.attention, running.plain.facts["attention"])
    return Section("Images a second", text, facts)


def settings(options: Options) -> dict[str, str]:
    """Returns the encoder's settings; beside a GPU, every core decodes."""
    own = {"SIGHTLINE_ENCODER_DEVICE": options.device, "SIGHTLINE_ENCODER_DTYPE": options.dtype}
    if options.device == "cpu":
        return own
    return {**own, "SIGHTLINE_ENCODER_INTAKE_WORKERS": str(len(cores()))}


@contextmanager
def contest(options: Options) -> Iterator[Contest]:
    """Starts both sides; who is not asked waits."""
    with (
        TemporaryDirectory() as folder,
        running_encoder(options.model, settings(options)) as encoder,
        running_plain(options.model, options.device, options.dtype) as plain,
    ):
        yield Contest(encoder, plain, Path(folder))


def _round(
    running: Contest, num_pictures: int, num_clients: int, round_: int
) -> Iterator[tuple[str, Turn]]:
    """Yields each contestant's turn over the same new pictures; every round begins with another."""
    files = mixture(num_pictures, seed=(round_ + 1) * 1000 + num_clients)
    paths = _written(files, running.folder)
    order = _rotated(_contestants(running, files, paths, num_clients), round_)
    for name, take in order:
        yield name, take()


def _contestants(
    running: Contest, files: Sequence[bytes], paths: Sequence[Path], num_clients: int
) -> list[Sequence[tuple[str, Take]]]:
    """Returns groups of turns; known pictures must follow when they were new."""

    def served(repeats: int) -> Turn:
        return served_turn(running.encoder, [*files] * repeats, num_clients)

    def plain(batch: int) -> Turn:
        return running.plain.turn(paths, num_clients, batch)

    groups: list[Sequence[tuple[str, Take]]] = [
        [(MISSES, lambda: served(1)), (HITS, lambda: served(KNOWN_REPEATS))],
        [(PLAIN_ALONE, lambda: plain(1))],
    ]
    if num_clients > 1:
        groups.append([(PLAIN_BATCHED, lambda: plain(num_clients))])
    return groups


def _rotated(groups: Sequence[Sequence[tuple[str, Take]]], by: int) -> list[tuple[str, Take]]:
    first = by % len(groups)
    return [each for group in [*groups[first:], *groups[:first]] for each in group]


def _written(files: Sequence[bytes], folder: Path) -> list[Path]:
    paths = [folder / str(number) for number in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)
    return paths


def _text(cases: Sequence[Case], options: Options, attention: str, plain: str) -> str:
    about = (
        f"{options.num_pictures} pictures of mixed sizes and formats a turn, or as many as there "
        f"are clients; {len(cases[0].turns)} rounds, medians. Ratios are to the better of the "
        f"plain paths, medians of the rounds' own. Towers: {options.dtype} on {options.device}, "
        f"attention: {attention}, transformers {plain}. "
        "CPU is that of all the contestant's processes, without its clients."
    )
    bars = BARS if options.device == "cpu" else {}
    rows = [row for clients in options.clients for row in _rows(cases, clients, bars)]
    return f"{about}\n\n{table(HEADER, rows)}"


def _rows(
    cases: Sequence[Case], num_clients: int, bars: Mapping[str, float]
) -> Iterator[list[str]]:
    known = {case.contestant: case for case in cases if case.num_clients == num_clients}
    best = _best_plain(known)
    for name in (MISSES, HITS, PLAIN_ALONE, PLAIN_BATCHED):
        if name in known:
            case = known[name]
            yield [str(num_clients), name, f"{case.images_per_s:.1f}", *_judged(case, best, bars)]


def _best_plain(known: Mapping[str, Case]) -> Case:
    plain = [known[name] for name in (PLAIN_ALONE, PLAIN_BATCHED) if name in known]
    return max(plain, key=lambda case: case.images_per_s)


def _judged(case: Case, best: Case, bars: Mapping[str, float]) -> tuple[str, ...]:
    promised = bars.get(case.contestant)
    return (
        f"{ratio(case, best):.2f}",
        "" if promised is None else f"at least {promised:g}",
        f"{case.p99_s * 1e3:.0f}",
        f"{case.cpu_s_per_image * 1e3:.0f}",
    )
