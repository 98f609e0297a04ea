"""What becomes of hundreds of requests that arrive at once.

    python -m benchmarks.flood

Waves of requests with and without pictures arrive together, some leave early, and the KV
cache holds only a few of them. Every other answer is compared with the one that the same
question got alone, and in the end all blocks must be free again.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from grpc import aio
from PIL import Image
from sightline.generator.v1 import generator_pb2 as pb
from sightline.generator.v1 import generator_pb2_grpc
from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES
from sightline_common.status import error_from_rpc

from benchmarks.measure import table
from benchmarks.process_tree import resident_bytes
from benchmarks.suite import running_suite

NUM_QUESTIONS = 40
PROMPT_TOKENS = 200
"""More than any question of a flood has, picture and template included."""
LONGEST_ANSWER = 200
IDLE_S = 60.0
KV_BYTES = 4  # float32


def main() -> None:
    """Prints a line for every wave."""
    arguments = parse_arguments()
    variables = {
        "SIGHTLINE_GENERATOR_QUEUE_LIMIT": str(arguments.queue_limit),
        "SIGHTLINE_GENERATOR_KV_CACHE_BYTES": str(kv_cache_bytes(arguments.model, arguments.held)),
    }
    with running_suite(arguments.model, variables) as suite:
        flood = Flood(suite.target, suite.pid, arguments.cancelled)
        waves = asyncio.run(flood.waves(arguments.waves, arguments.requests))
    print(report(waves))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/sightline-nano"))
    parser.add_argument("--requests", type=int, default=500, help="that arrive at once")
    parser.add_argument("--queue-limit", type=int, default=500)
    parser.add_argument("--cancelled", type=float, default=0.3, help="share that leaves early")
    parser.add_argument("--held", type=int, default=20, help="requests that the KV cache holds")
    parser.add_argument("--waves", type=int, default=4)
    return parser.parse_args()


def kv_cache_bytes(model: Path, num_requests: int) -> int:
    """Returns the bytes of keys and values of so many of a flood's longest requests."""
    config = json.loads((model / "config.json").read_text())["text_config"]
    heads = config["num_key_value_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    token_bytes = 2 * config["num_hidden_layers"] * heads * head_size * KV_BYTES
    return int(num_requests * (PROMPT_TOKENS + LONGEST_ANSWER) * token_bytes)


def questions() -> list[pb.GenerateTextRequest]:
    """Returns questions of different lengths, every second one with a picture."""
    return [_question(random.Random(number)) for number in range(NUM_QUESTIONS)]


def _question(chance: random.Random) -> pb.GenerateTextRequest:
    words = " ".join(chance.choices(["red", "square", "left", "of", "a", "star"], k=30))
    parts = [pb.Part(text=f"What is {words}?")]
    if chance.random() < 0.5:
        parts.insert(0, pb.Part(media=pb.Media(data=_picture(chance))))
    length = chance.randint(16, LONGEST_ANSWER)
    return pb.GenerateTextRequest(
        messages=[pb.Message(role=pb.ROLE_USER, parts=parts)],
        sampling=pb.SamplingOptions(temperature=0.0),
        stop=pb.StopOptions(max_token_count=length, end_ignored=True),
        token_ids_wanted=True,
    )


def _picture(chance: random.Random) -> bytes:
    image = Image.new("RGB", (112, 112), tuple(chance.randbytes(3)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Wave:
    """What became of the requests of a wave, by outcome, and what it left behind."""

    outcomes: Counter[str]
    seconds: float
    num_held_blocks: int
    resident_bytes: int


class Flood:
    """Asks a generator many questions at once, over one channel.

    `pid` is the process whose memory, children included, is reported.
    """

    def __init__(self, target: str, pid: int, cancelled_share: float) -> None:
        self._target = target
        self._pid = pid
        self._cancelled_share = cancelled_share

    async def waves(self, num_waves: int, num_requests: int) -> list[Wave]:
        options = [("grpc.max_send_message_length", DEFAULT_MAX_MESSAGE_BYTES)]
        async with aio.insecure_channel(self._target, options) as channel:
            stub = generator_pb2_grpc.GeneratorServiceStub(channel)
            asked = questions()
            alone = [await _token_ids(stub, question) for question in asked]
            return [
                await self._wave(stub, asked, alone, num_requests, random.Random(number))
                for number in range(num_waves)
            ]

    async def _wave(
        self,
        stub: generator_pb2_grpc.GeneratorServiceAsyncStub,
        asked: Sequence[pb.GenerateTextRequest],
        alone: Sequence[list[int]],
        num_requests: int,
        chance: random.Random,
    ) -> Wave:
        started = perf_counter()
        outcomes = await asyncio.gather(
            *(
                self._outcome(stub, asked[index], alone[index], chance)
                for index in chance.choices(range(len(asked)), k=num_requests)
            )
        )
        seconds = perf_counter() - started
        return Wave(Counter(outcomes), seconds, await _blocks_held(stub), resident_bytes(self._pid))

    async def _outcome(
        self,
        stub: generator_pb2_grpc.GeneratorServiceAsyncStub,
        question: pb.GenerateTextRequest,
        expected: list[int],
        chance: random.Random,
    ) -> str:
        leaves = chance.random() < self._cancelled_share
        patience_s = chance.uniform(0.0, 3.0) if leaves else None
        try:
            async with asyncio.timeout(patience_s):
                token_ids = await _token_ids(stub, question)
        except TimeoutError:
            return "cancelled"
        except aio.AioRpcError as error:
            return _name(error)
        return "right" if token_ids == expected else "wrong"


async def _token_ids(
    stub: generator_pb2_grpc.GeneratorServiceAsyncStub, question: pb.GenerateTextRequest
) -> list[int]:
    """Returns an answer's tokens; leaving early cancels the call."""
    call = stub.GenerateText(question)
    with _cancelled_at_the_end(call):
        return [token async for response in call for token in response.delta.token_ids]


@contextmanager
def _cancelled_at_the_end(call: aio.Call) -> Iterator[None]:
    try:
        yield
    finally:
        call.cancel()


def _name(error: aio.AioRpcError) -> str:
    """Returns a refusal's reason, and whether it says when to come back."""
    refusal = error_from_rpc(error)
    if refusal is None:
        return error.code().name
    hint = ", retry hint" if refusal.retry_after_s else ""
    return f"{error.code().name} {refusal.reason}{hint}"


async def _blocks_held(stub: generator_pb2_grpc.GeneratorServiceAsyncStub) -> int:
    """Returns how many blocks are still held when nothing runs or waits any more."""
    async with asyncio.timeout(IDLE_S):
        while True:
            load = await stub.GetLoad(pb.GetLoadRequest())
            if not load.waiting_count + load.running_count:
                return int(load.block_count - load.free_block_count)
            await asyncio.sleep(0.05)


def report(waves: Sequence[Wave]) -> str:
    """Returns a table with a line for every wave."""
    rows = [
        [
            str(number),
            "; ".join(f"{count} {outcome}" for outcome, count in wave.outcomes.most_common()),
            f"{wave.seconds:.1f} s",
            str(wave.num_held_blocks),
            f"{wave.resident_bytes / 2**20:.1f}",
        ]
        for number, wave in enumerate(waves, 1)
    ]
    return table(["wave", "outcomes", "time", "blocks held", "resident MiB"], rows)


if __name__ == "__main__":
    main()
