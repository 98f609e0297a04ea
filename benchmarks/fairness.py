"""How evenly answers go on while a long prompt is computed.

    python -m benchmarks.fairness

Several streams write long answers; in the middle a prompt of thousands of tokens arrives.
What counts are the gaps between the tokens of the streams until the long prompt's first
token: their 99th percentile beside their median, and beside that of the calm before.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import grpc
from sightline.generator.v1 import generator_pb2 as pb

from benchmarks.measure import median, percentile, table
from benchmarks.prompts import PromptMaker
from benchmarks.suite import Suite, running_suite

CALM_S = 2.0
"""How long the streams write undisturbed before the long prompt arrives."""
LONGEST_ANSWER = 8000
BOUND_S = 0.060
BOUND_RATIO = 3.0


def main() -> None:
    """Measures some rounds and prints a line for each."""
    arguments = parse_arguments()
    maker = PromptMaker(arguments.model)
    variables = {"SIGHTLINE_GENERATOR_MAX_MODEL_LEN": "8192"}
    with running_suite(arguments.model, variables) as suite:
        rounds = [
            play(suite, maker, arguments.streams, arguments.tokens, seed)
            for seed in range(arguments.rounds + 1)
        ]
    # The first one warms up.
    print(report(rounds[1:]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=6000, help="tokens of the long prompt")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


@dataclass(frozen=True)
class Round:
    """Gaps between tokens of all streams in seconds, and the long prompt's time to its first."""

    calm_gaps_s: list[float]
    gaps_s: list[float]
    prefill_s: float

    @property
    def bound_s(self) -> float:
        """What the gaps are held to; a median that the prompt itself raised would excuse it."""
        return max(BOUND_S, BOUND_RATIO * median(self.calm_gaps_s))

    @property
    def wide_bound_s(self) -> float:
        """The same by the streams' median while the prompt is computed; for comparison."""
        return max(BOUND_S, BOUND_RATIO * median(self.gaps_s))

    @property
    def p99_s(self) -> float:
        return percentile(self.gaps_s, 99)


class Stream:
    """An answer that goes on until it is stopped, read by a thread of its own."""

    def __init__(self, suite: Suite, prompt: str) -> None:
        self.times_s: list[float] = []
        request = pb.GenerateTextRequest(
            messages=[_user(prompt)],
            sampling=pb.SamplingOptions(temperature=0.0),
            stop=pb.StopOptions(max_token_count=LONGEST_ANSWER, end_ignored=True),
            token_ids_wanted=True,
        )
        self._call = suite.stub.GenerateText(request)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for response in self._call:
                if response.HasField("delta"):
                    self.times_s.append(time.perf_counter())
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:
                raise

    def stop(self) -> None:
        self._call.cancel()
        self._thread.join()

    def gaps_s(self, start_s: float, end_s: float) -> list[float]:
        """Returns the gaps that end in an interval."""
        return [
            after - before for before, after in pairwise(self.times_s) if start_s < after <= end_s
        ]


def play(suite: Suite, maker: PromptMaker, num_streams: int, num_tokens: int, seed: int) -> Round:
    """Lets streams write, sends the long prompt, and returns what both did to each other."""
    (long,) = maker.text(num_tokens, seed)
    streams = [Stream(suite, f"Tell me story number {number}.") for number in range(num_streams)]
    try:
        while not all(stream.times_s for stream in streams):
            time.sleep(0.01)
        calm_s = time.perf_counter()
        time.sleep(CALM_S)
        reply = suite.ask([_user(long["content"])], 1)
    finally:
        for stream in streams:
            stream.stop()
    asked_s, first_s = reply.asked_s, reply.delta_times_s[0]
    return Round(
        [gap for stream in streams for gap in stream.gaps_s(calm_s, asked_s)],
        [gap for stream in streams for gap in stream.gaps_s(asked_s, first_s)],
        reply.time_to_first_token_s,
    )


def _user(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.Part(text=text)])


def report(rounds: Sequence[Round]) -> str:
    """Returns a table with a line for every round."""
    header = ["round", "calm median", "calm p99", "median gap", "p99 gap", "bound", "kept"]
    header += ["wide bound", "kept, too", "first token"]
    return table(header, [_row(number, each) for number, each in enumerate(rounds, 1)])


def _row(number: int, each: Round) -> list[str]:
    calm_s = [median(each.calm_gaps_s), percentile(each.calm_gaps_s, 99)]
    times = [*calm_s, median(each.gaps_s), each.p99_s, each.bound_s]
    return [
        str(number),
        *(f"{1000 * value:.0f} ms" for value in times),
        "yes" if each.p99_s <= each.bound_s else "no",
        f"{1000 * each.wide_bound_s:.0f} ms",
        "yes" if each.p99_s <= each.wide_bound_s else "no",
        f"{each.prefill_s:.1f} s",
    ]


if __name__ == "__main__":
    main()
