"""What the encoder does for a picture, beside the plain path of transformers.

make bench-encoder

Five minutes on two quiet cores. On busy ones a part begins no round after `--seconds`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import MappingProxyType

from benchmarks.allocator import restart_as_deployed, restart_with_defaults
from benchmarks.encoder import images, intake, preprocessing, profile, resizing, streaming
from benchmarks.encoder.part import Options, Part, Section
from benchmarks.run import Run, run_parser

MODULE = "benchmarks.encoder"
PARTS: MappingProxyType[str, Part] = MappingProxyType(
    {
        "images": images.measure,
        "intake": intake.measure,
        "preprocessing": preprocessing.measure,
        "profile": profile.measure,
        "resizing": resizing.measure,
        "streaming": streaming.measure,
    }
)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the parts one after the other, prints what they found, and writes it."""
    arguments = parse_arguments(argv)
    if arguments.glibc_defaults:
        restart_with_defaults()
    else:
        restart_as_deployed()
    options = Options(
        model=arguments.model,
        rounds=arguments.rounds,
        clients=arguments.clients,
        num_pictures=arguments.pictures,
        seconds=arguments.seconds,
        device=arguments.device,
    )
    sections = {name: PARTS[name](options, say) for name in arguments.parts}
    report(arguments, sections)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = run_parser(MODULE, __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    parser.add_argument("--seconds", type=float, default=240, help="of a part; see above")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--pictures", type=int, default=16, help="pictures of a turn")
    parser.add_argument(
        "--device", default="cpu", help="of both towers in images: cpu (float32), cuda (bfloat16)"
    )
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument(
        "--glibc-defaults", action="store_true", help="without MALLOC_... variables on either side"
    )
    return parser.parse_args(argv)


def report(arguments: argparse.Namespace, sections: dict[str, Section]) -> None:
    """Prints all sections and writes them with the raw figures."""
    body = "\n".join(f"## {each.title}\n\n{each.text}\n" for each in sections.values())
    facts = {"sections": {name: dict(each.facts) for name, each in sections.items()}}
    form = "" if list(sections) == list(PARTS) else "-".join(sections)
    Run(MODULE, form).write(
        arguments.results, "The encoder beside transformers", body.rstrip(), facts
    )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
