"""Whether the encoder's memory grows with what it is asked: `python -m benchmarks.memory_slope`.

Mixed requests, three in ten of them cancelled at a random moment; the resident memory of all
its processes is read every so often, and a line is fitted after the warm-up. A bare gRPC
server, asked and cancelled in the same way, is the control: what grows there is grpc's own.
`--cancelled 0` shows what grows without cancelling, where grpc hides nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from grpc import aio
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.digest import sha256_digest
from sightline_common.malloc import MALLOC_VARIABLES

from benchmarks.bare_exchange import METHOD
from benchmarks.encoder.served import encode, running_encoder
from benchmarks.measure import table
from benchmarks.pictures import fresh_png
from benchmarks.ports import free_ports
from benchmarks.process_tree import started_bytes
from benchmarks.run import Run, run_parser
from benchmarks.slope import Slope, fitted_slope

MODULE = "benchmarks.memory_slope"
EDGE = 56
NUM_KNOWN = 64
NUM_CLIENTS = 8
LATEST_CANCEL_S = 0.03
NUM_READINGS = 200
LIMIT_BYTES = 256
VARIABLES = {
    **MALLOC_VARIABLES,
    "SIGHTLINE_ENCODER_CACHE_BYTES": str(4 * 1024**2),
    "SIGHTLINE_ENCODER_THREADS": "1",
}
"""A cache that is full, and evicts, long before the fit begins."""

Asking = Callable[[int], Coroutine[object, object, object]]
Readings = list[tuple[float, float]]


class Load(NamedTuple):
    """So many requests, and the share of them that is cancelled."""

    num_requests: int
    cancelled_share: float


def main() -> None:
    """Runs both, prints the slopes, and writes them with every reading."""
    arguments = parse_arguments()
    load = Load(arguments.requests, arguments.cancelled)
    with running_encoder(arguments.model, VARIABLES) as served:
        encoder = asyncio.run(soak_encoder(served.target, load))
    with running_control() as target:
        control = asyncio.run(soak_control(target, load))
    report(arguments, encoder, control)


def parse_arguments() -> argparse.Namespace:
    parser = run_parser(MODULE, __doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--cancelled", type=float, default=0.3, help="share of the requests")
    parser.add_argument("--warm-up", type=float, default=0.25, help="share that is not fitted")
    return parser.parse_args()


@contextmanager
def running_control() -> Iterator[str]:
    """Starts the bare server and yields its target."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.bare_exchange", str(port)]
    process = subprocess.Popen(command, env={**MALLOC_VARIABLES, **os.environ})
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def soak_encoder(target: str, load: Load) -> Readings:
    """Asks for new and known pictures, headers alone, broken files and unknown digests."""
    known = [fresh_png(EDGE, -1 - number) for number in range(NUM_KNOWN)]
    async with open_channel(target) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)

        async def ask(number: int) -> None:
            kind = number % 10
            if kind < 3:
                await encode(stub, fresh_png(EDGE, number))
            elif kind < 8:
                await encode(stub, known[number % NUM_KNOWN])
            elif kind == 8:
                await encode(stub, fresh_png(EDGE, number)[:-20])
            else:
                await ask_header(stub, known[number % NUM_KNOWN])

        return await soak(ask, load)


async def ask_header(stub: encoder_pb2_grpc.EncoderServiceAsyncStub, file: bytes) -> None:
    """Asks for a header by digest, and goes away when the bytes are wanted."""
    header = encoder_pb2.MediaHeader(digest=sha256_digest(file), header_only=True)
    call = stub.EncodeMedia()
    await call.write(encoder_pb2.EncodeMediaRequest(header=header))
    await call.read()
    call.cancel()


async def soak_control(target: str, load: Load) -> Readings:
    """Exchanges as many messages, of the same sizes."""
    file = fresh_png(EDGE, 0)
    async with open_channel(target) as channel:
        await channel.channel_ready()

        async def ask(number: int) -> None:
            call: aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(METHOD)()
            for request in (b"header", file)[: 1 if 3 <= number % 10 < 8 else 2]:
                await call.write(request)
                await call.read()
            await call.done_writing()
            await call.read()

        return await soak(ask, load)


async def soak(ask: Asking, load: Load) -> Readings:
    """Asks from several clients at once, cancels some, and reads the servers' memory."""
    chance = random.Random(7)
    numbers = iter(range(load.num_requests))
    readings: Readings = []

    async def client() -> None:
        for number in numbers:
            is_cancelled = chance.random() < load.cancelled_share
            timeout = chance.random() * LATEST_CANCEL_S if is_cancelled else None
            with suppress(TimeoutError, aio.AioRpcError):
                async with asyncio.timeout(timeout):
                    await ask(number)
            if number % max(1, load.num_requests // NUM_READINGS) == 0:
                readings.append((number, started_bytes()))

    await asyncio.gather(*(client() for _ in range(NUM_CLIENTS)))
    return readings


def after_warm_up(readings: Readings, share: float) -> Slope:
    """Fits what came after a share of the readings."""
    return fitted_slope(readings[int(share * len(readings)) :])


def report(arguments: argparse.Namespace, encoder: Readings, control: Readings) -> None:
    """Prints the slopes and writes them with every reading."""
    slopes = {
        "encoder": after_warm_up(encoder, arguments.warm_up),
        "bare gRPC": after_warm_up(control, arguments.warm_up),
    }
    excess = slopes["encoder"].upper - slopes["bare gRPC"].value
    rows = [[name, f"{each.value:.0f}", f"{each.upper:.0f}"] for name, each in slopes.items()]
    rows.append([f"encoder above bare gRPC (at most {LIMIT_BYTES})", "", f"{excess:.0f}"])
    body = (
        f"{arguments.cancelled:.0%} are cancelled at a random moment. Bytes a request:\n\n"
        f"{table(['server', 'slope', 'upper 95 % bound'], rows)}"
    )
    title = f"Memory over {arguments.requests} mixed requests"
    form = "" if arguments.cancelled else "uncancelled"
    Run(MODULE, form).write(
        arguments.results, title, body, {"encoder": encoder, "bare_grpc": control}
    )


if __name__ == "__main__":
    main()
