"""How much sooner an answer begins when its pictures were seen before.

    python -m benchmarks.prefix_cache

Every round uses fresh pictures. All times are to the first token, over gRPC; the ratios are
to a first turn of the same round, medians over the rounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sightline.generator.v1 import generator_pb2 as pb
from sightline.type.v1 import media_pb2

from benchmarks.measure import median, table
from benchmarks.pictures import fresh_png
from benchmarks.suite import Reply, Suite, running_suite

ANSWER_TOKENS = 32
SYSTEM = "You describe pictures exactly. Name every shape, its colour and its place."
QUESTION = "Which shapes do you see in these pictures, and where are they?"
OTHER = "How many red things are there altogether, and is one of them a circle?"


def main() -> None:
    """Measures turns with pictures before and after the text, and prints a table."""
    arguments = parse_arguments()
    bench = Bench(arguments.edge)
    variables = {
        "SIGHTLINE_GENERATOR_MAX_MODEL_LEN": "8192",
        "SIGHTLINE_GENERATOR_ENCODE_TIMEOUT_S": "600",
        "SIGHTLINE_ENCODER_MAX_PIXEL_BUDGET": str(arguments.edge**2),
    }
    with running_suite(arguments.model, variables) as suite:
        bench.warm_up(suite)
        rounds = [bench.round(suite, number) for number in range(1, arguments.rounds + 1)]
    print(report(rounds))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prefix_cache", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--edge", type=int, default=1344, help="pixels of a picture's side")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


class Bench:
    """Asks what is compared, with pictures of one size."""

    def __init__(self, edge: int) -> None:
        self._edge = edge

    def warm_up(self, suite: Suite) -> None:
        suite.ask([user(QUESTION, self._picture(0))], ANSWER_TOKENS)

    def round(self, suite: Suite, number: int) -> dict[str, Reply]:
        """Returns the replies of one round by name."""
        seeds = range(10 * number, 10 * number + 4)
        pictures = [self._picture(seed) for seed in seeds]
        replies = self._turns(suite, pictures[:3], "media first", media_first=True)
        replies |= self._turns(suite, pictures[3:], "one picture", media_first=True)
        later = [self._picture(seed + 5) for seed in seeds]
        return replies | self._turns(suite, later[:3], "text first", media_first=False)

    def _turns(
        self, suite: Suite, pictures: Sequence[pb.Part], name: str, *, media_first: bool
    ) -> dict[str, Reply]:
        opening = [system(SYSTEM), user(QUESTION, *pictures)]
        first = suite.ask(opening, ANSWER_TOKENS, media_first=media_first)
        follow_up = [*opening, assistant(first.text), user(OTHER)]
        other = [system(SYSTEM), user(OTHER, *pictures)]
        return {
            f"{name}: first turn": first,
            f"{name}: second turn": suite.ask(follow_up, ANSWER_TOKENS, media_first=media_first),
            f"{name}: regenerated": suite.ask(opening, ANSWER_TOKENS, media_first=media_first),
            f"{name}: other question": suite.ask(other, ANSWER_TOKENS, media_first=media_first),
        }

    def _picture(self, seed: int) -> pb.Part:
        options = media_pb2.MediaOptions(max_pixel_count=self._edge**2)
        return pb.Part(media=pb.Media(data=fresh_png(self._edge, seed), options=options))


def system(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_SYSTEM, parts=[pb.Part(text=text)])


def user(text: str, *pictures: pb.Part) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.Part(text=text), *pictures])


def assistant(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.Part(text=text)])


def report(rounds: Sequence[dict[str, Reply]]) -> str:
    """Returns a table with a line for every kind of turn."""
    header = ["turn", "prompt tokens", "cached", "first token", "of first turn", "encoder asked"]
    return table(header, [row(name, rounds) for name in rounds[0]])


def row(name: str, rounds: Sequence[dict[str, Reply]]) -> list[str]:
    replies = [each[name] for each in rounds]
    firsts = [each[name.partition(":")[0] + ": first turn"] for each in rounds]
    ratios = [
        reply.time_to_first_token_s / first.time_to_first_token_s
        for reply, first in zip(replies, firsts, strict=True)
    ]
    usage = replies[-1].complete.usage
    return [
        name,
        str(usage.prompt_token_count),
        str(usage.cached_token_count),
        f"{1000 * median([reply.time_to_first_token_s for reply in replies]):.0f} ms",
        f"{100 * median(ratios):.1f} %",
        "yes" if any(reply.encoder_was_asked for reply in replies) else "no",
    ]


if __name__ == "__main__":
    main()
