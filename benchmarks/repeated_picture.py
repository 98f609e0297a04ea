"""How much sooner a second question about a picture is answered.

    python -m benchmarks.repeated_picture
    python -m benchmarks.repeated_picture --model FOLDER   # on a GPU where there is one

Through REST, to the first token: a picture that nobody has seen with one question, then with
another one. Once with the feature cache alone, once with the prefix cache as well. The same
questions over gRPC say where the time goes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from google.protobuf.duration_pb2 import Duration
from sightline.generator.v1 import generator_pb2 as pb
from sightline.generator.v1 import generator_pb2_grpc
from sightline.type.v1 import tensor_pb2
from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES

from benchmarks.contestant import PEERS, read_contestant
from benchmarks.measure import median, table
from benchmarks.pictures import data_url, fresh_png
from benchmarks.pixel_bound import PROCESSOR_FILES, write_raised
from benchmarks.prefix_cache import OTHER, QUESTION, user
from benchmarks.run import Run, run_parser
from benchmarks.server import Running, running
from benchmarks.suite import Suite

MODULE = "benchmarks.repeated_picture"
ANSWER_TOKENS = 8
LIMITS = {"feature cache": 0.40, "feature and prefix cache": 0.15}


@dataclass(frozen=True)
class Parts:
    """Milliseconds to the first token over gRPC: where they went, and all of them."""

    encoder: float
    prefill_and_first_step: float
    preparation_and_queue: float
    grpc: float


@dataclass(frozen=True)
class Round:
    """One picture: milliseconds to the first token of both questions, and what they were spent on.

    `parts` are of another fresh picture, asked about over gRPC.
    """

    caches: str
    rest_first: float
    rest_second: float
    parts_first: Parts
    parts_second: Parts


def main() -> None:
    """Measures both settings and prints ratios and the breakdown."""
    arguments = parse_arguments()
    rounds: list[Round] = []
    with TemporaryDirectory(prefix="sightline-repeated-") as work:
        model = with_pixel_bound(arguments.model, Path(work) / arguments.model.name, arguments.edge)
        logs = arguments.logs or Path(work)
        logs.mkdir(parents=True, exist_ok=True)
        for caches in LIMITS:
            log = logs / f"{caches.replace(' ', '-')}.log"
            with running_suite(model, Path(work), arguments.edge, caches, log) as suite:
                bench = Bench(*suite, arguments.edge, caches)
                bench.round(0)
                rounds += [bench.round(1 + each) for each in range(arguments.rounds)]
                services = served_by(suite[1])
    report(arguments, rounds, services)


def parse_arguments() -> argparse.Namespace:
    parser = run_parser(MODULE, __doc__)
    parser.add_argument("--edge", type=int, default=1344, help="pixels of a picture's side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--logs", type=Path, help="a folder that keeps what the services print")
    return parser.parse_args()


def with_pixel_bound(model: Path, folder: Path, edge: int) -> Path:
    """Makes a twin of a checkpoint whose processor lets pictures of this size through unshrunk.

    Weights are not copied, and may have tens of gigabytes: links lead to them.
    """
    folder.mkdir()
    for path in model.resolve().iterdir():
        if path.name in PROCESSOR_FILES:
            write_raised(path, folder / path.name, edge**2)
        else:
            (folder / path.name).symlink_to(path)
    return folder


@contextmanager
def running_suite(
    model: Path, work: Path, edge: int, caches: str, log: Path
) -> Iterator[tuple[Running, Suite]]:
    """Starts the suite as it is compared with peers, and opens a client of its generator.

    Device and element type are what the services choose by themselves.
    """
    contestant = read_contestant(PEERS / "sightline.toml")
    variables = {
        **contestant.variables,
        "SIGHTLINE_GENERATOR_DTYPE": "auto",
        "SIGHTLINE_ENCODER_DTYPE": "auto",
        "SIGHTLINE_GENERATOR_MAX_MODEL_LEN": "8192",
        "SIGHTLINE_GENERATOR_ENCODE_TIMEOUT_S": "600",
        "SIGHTLINE_GENERATOR_PREFIX_CACHE": str("prefix" in caches).lower(),
        "SIGHTLINE_ENCODER_MAX_PIXEL_BUDGET": str(edge**2),
    }
    values = {"model": model, "name": model.name, "python": sys.executable, "work": work}
    options = [("grpc.max_send_message_length", DEFAULT_MAX_MESSAGE_BYTES)]
    with running(replace(contestant, variables=variables), values, log) as started:
        target = f"127.0.0.1:{started.values['port_1']}"
        with grpc.insecure_channel(target, options) as channel:
            stub = generator_pb2_grpc.GeneratorServiceStub(channel)
            yield started, Suite(stub, target, started.process.pid)


@dataclass(frozen=True)
class Bench:
    """Asks about pictures of one size."""

    rest: Running
    suite: Suite
    edge: int
    caches: str

    def round(self, number: int) -> Round:
        """Asks twice about a fresh picture through REST, and about another one over gRPC."""
        over_rest = fresh_png(self.edge, 2 * number)
        over_grpc = fresh_png(self.edge, 2 * number + 1)
        found = Round(
            self.caches,
            self._ask_rest(over_rest, QUESTION),
            self._ask_rest(over_rest, OTHER),
            self._ask_grpc(over_grpc, QUESTION),
            self._ask_grpc(over_grpc, OTHER),
        )
        times = f"{found.rest_first:.0f} ms, then {found.rest_second:.0f} ms"
        print(f"{self.caches}, round {number}: {times}", file=sys.stderr, flush=True)
        return found

    def _ask_rest(self, png: bytes, question: str) -> float:
        picture = {"type": "image_url", "image_url": {"url": data_url(png)}}
        content = [picture, {"type": "text", "text": question}]
        body = {
            "model": self.rest.model_name,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": ANSWER_TOKENS,
            "temperature": 0,
            "stream": True,
            "ignore_eos": True,
        }
        return first_token_ms(self.rest.port, json.dumps(body).encode())

    def _ask_grpc(self, png: bytes, question: str) -> Parts:
        picture = pb.Part(media=pb.Media(data=png))
        reply = self.suite.ask([user(question, picture)], ANSWER_TOKENS, media_first=True)
        timings = reply.complete.timings
        return Parts(
            encoder=milliseconds(timings.encode_time),
            prefill_and_first_step=milliseconds(timings.prefill_time),
            preparation_and_queue=milliseconds(timings.queue_time),
            grpc=1e3 * reply.time_to_first_token_s - milliseconds(timings.time_to_first_token),
        )


def first_token_ms(port: int, body: bytes) -> float:
    """Returns the time to the first event that has text; raises RuntimeError without one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Content-Type": "application/json"}
    start = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, headers)
    reply = connection.getresponse()
    first: float | None = None
    for line in reply:
        if first is None and has_text(line):
            first = time.perf_counter() - start
    connection.close()
    if first is None:
        raise RuntimeError(f"HTTP {reply.status} without a token")
    return 1e3 * first


def has_text(line: bytes) -> bool:
    """Whether a line of an event stream carries text of an answer."""
    if not line.startswith(b"data: {"):
        return False
    choices = json.loads(line.removeprefix(b"data: ")).get("choices", [])
    deltas = [choice.get("delta", {}) for choice in choices]
    return any(delta.get("content") or delta.get("reasoning_content") for delta in deltas)


def milliseconds(value: Duration) -> float:
    return value.ToNanoseconds() / 1e6


def served_by(suite: Suite) -> dict[str, str]:
    """Returns where the language model ran, and how."""
    info = suite.stub.GetModelInfo(pb.GetModelInfoRequest())
    data_type = tensor_pb2.DataType.Name(info.data_type).removeprefix("DATA_TYPE_").lower()
    return {"device": info.device, "data_type": data_type, "attention": info.attention}


def ratio_table(rounds: Sequence[Round]) -> str:
    """Returns the medians, and of the rounds' own ratios the median."""
    rows = []
    for caches, limit in LIMITS.items():
        group = [each for each in rounds if each.caches == caches]
        share = median([each.rest_second / each.rest_first for each in group])
        rows.append(
            [
                caches,
                f"{median([each.rest_first for each in group]):.0f} ms",
                f"{median([each.rest_second for each in group]):.0f} ms",
                f"{100 * share:.0f} % (at most {100 * limit:.0f} %)",
            ]
        )
    return table(["with", "first question", "other question", "of the first"], rows)


def parts_table(rounds: Sequence[Round]) -> str:
    """Returns where the time to the first token goes, in milliseconds."""
    names = [name.replace("_", " ") for name in Parts.__dataclass_fields__]
    rows = []
    for caches in LIMITS:
        group = [each for each in rounds if each.caches == caches]
        for name, parts in (
            ("first", [each.parts_first for each in group]),
            ("other", [each.parts_second for each in group]),
        ):
            cells = [
                f"{median([getattr(each, field) for each in parts]):.1f}"
                for field in Parts.__dataclass_fields__
            ]
            rest = [each.rest_first if name == "first" else each.rest_second for each in group]
            spent = [sum(asdict(each).values()) for each in parts]
            rows.append([caches, name, *cells, f"{median(rest) - median(spent):.1f}"])
    return table(["with", "question", *names, "web and HTTP"], rows)


def report(
    arguments: argparse.Namespace, rounds: Sequence[Round], services: Mapping[str, str]
) -> None:
    """Prints both tables and writes them with the raw figures."""
    body = (
        f"Time to the first token through REST, {arguments.edge} × {arguments.edge} pixels, "
        f"{services['data_type']} on {services['device']}:\n\n"
        f"{ratio_table(rounds)}\n\nWhere it goes, in ms:\n\n{parts_table(rounds)}"
    )
    facts = {"rounds": [asdict(each) for each in rounds], "generator": services}
    Run(MODULE).write(arguments.results, "A second question about a picture", body, facts)


if __name__ == "__main__":
    main()
