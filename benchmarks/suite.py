"""The suite as `make run` starts it, asked over gRPC."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from sightline.generator.v1 import generator_pb2 as pb
from sightline.generator.v1 import generator_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES

from benchmarks.contestant import PEERS, read_contestant
from benchmarks.server import running


@dataclass
class Reply:
    """One streamed answer: when it was asked and each delta came, and what it was."""

    asked_s: float
    delta_times_s: list[float] = field(default_factory=list)
    text: str = ""
    started: pb.Started = field(default_factory=pb.Started)
    complete: pb.Complete = field(default_factory=pb.Complete)

    @property
    def time_to_first_token_s(self) -> float:
        return self.delta_times_s[0] - self.asked_s

    @property
    def encoder_was_asked(self) -> bool:
        sources = {medium.source for medium in self.started.media}
        return bool(sources - {media_pb2.FEATURE_SOURCE_PREFIX_CACHE})


@dataclass(frozen=True)
class Suite:
    """A client of a running suite's generator; `pid` is the suite's first process."""

    stub: generator_pb2_grpc.GeneratorServiceStub
    target: str
    pid: int

    def ask(
        self, messages: list[pb.Message], num_tokens: int, *, media_first: bool = False
    ) -> Reply:
        """Returns a greedy answer of exactly `num_tokens` tokens."""
        request = pb.GenerateTextRequest(
            messages=messages,
            sampling=pb.SamplingOptions(temperature=0.0),
            stop=pb.StopOptions(max_token_count=num_tokens, end_ignored=True),
            media_first=media_first,
            thinking=False,
        )
        reply = Reply(time.perf_counter())
        for response in self.stub.GenerateText(request):
            match response.WhichOneof("payload"):
                case "started":
                    reply.started = response.started
                case "delta":
                    reply.delta_times_s.append(time.perf_counter())
                    reply.text += response.delta.text
                case "complete":
                    reply.complete = response.complete
        return reply


@contextmanager
def running_suite(model: Path, variables: Mapping[str, str]) -> Iterator[Suite]:
    """Starts the suite with a checkpoint and some settings, and stops it at the end."""
    contestant = read_contestant(PEERS / "sightline.toml")
    own = {**contestant.variables, **variables}
    with TemporaryDirectory(prefix="sightline-bench-") as work:
        values = {
            "model": model.absolute(),
            "name": model.name,
            "python": sys.executable,
            "work": work,
        }
        with running(replace(contestant, variables=own), values, Path(work) / "log") as started:
            target = f"127.0.0.1:{started.values['port_1']}"
            options = [("grpc.max_send_message_length", DEFAULT_MAX_MESSAGE_BYTES)]
            with grpc.insecure_channel(target, options) as channel:
                stub = generator_pb2_grpc.GeneratorServiceStub(channel)
                yield Suite(stub, target, started.process.pid)
