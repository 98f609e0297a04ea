"""How fast held features cross, beside the same bytes through bare gRPC."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from grpc import aio
from sightline.type.v1 import media_pb2
from sightline_common.channel import CHUNK_BYTES, open_channel
from sightline_common.checkpoint import resolve_checkpoint
from sightline_common.event_loop import run
from sightline_common.loaded_heap import settle
from sightline_generator.encoder_client import EncoderClient
from sightline_generator.families.base import MediaKind
from sightline_generator.families.registry import family_of
from sightline_generator.media import Medium

from benchmarks.encoder.feature_server import BARE_METHOD, CHUNK_SIZES, bare_request, digest_of
from benchmarks.encoder.part import Options, Say, Section
from benchmarks.measure import median, table
from benchmarks.process_tree import tree_cpu_s

SIZES = {"336 × 336": 1_179_648, "1344 × 1344": 18_874_368}
"""Bytes of a picture's features, bfloat16, 4096 wide."""
BYTES_A_TURN = 64 * 1024**2
NUM_POSITIONS = 65_536
TIMEOUT_S = 60.0
LIMIT = 0.8
METHOD = (
    "Both sides are grpc.aio in the same two processes: one request, the same bytes in messages "
    "cut at the same places, a new call each time. Ours has a header beside the first of them, and "
    "the generator's checks, and goes on when all bytes are there, which its header tells; bare "
    "gRPC looks at nothing, and reads to the call's end. Medians, of ratios those of the rounds."
)

Receive = Callable[[], Awaitable[int]]


@dataclass(frozen=True)
class Flow:
    """What came in one turn, how long it took, and the CPU seconds of both ends."""

    num_bytes: int
    seconds: float
    cpu_s: float

    @property
    def gigabytes_per_s(self) -> float:
        return self.num_bytes / self.seconds / 1e9

    @property
    def cpu_s_per_gigabyte(self) -> float:
        return self.cpu_s / self.num_bytes * 1e9


@dataclass(frozen=True)
class Speed:
    """One round: ours, and bare gRPC's in the turn beside it."""

    picture: str
    num_streams: int
    ours: Flow
    bare: Flow

    @property
    def ratio(self) -> float:
        """How fast ours is in parts of bare gRPC's speed."""
        return self.ours.gigabytes_per_s / self.bare.gigabytes_per_s

    @property
    def case(self) -> tuple[str, int]:
        """What was streamed, and how many streams at a time."""
        return self.picture, self.num_streams


def measure(options: Options, say: Say) -> Section:
    """Streams features of two sizes, one stream and four at a time."""
    speeds: list[Speed] = []
    with feature_server(options.model) as server:
        for picture in SIZES:
            for num_streams in (1, 4):
                say(f"streaming: {picture}, {num_streams} streams")
                speeds += run(_rounds(options, server, picture, num_streams))
        say("streaming: sizes of chunks")
        chunks = run(chunk_speeds(options, server))
    facts = {"rounds": [asdict(each) for each in speeds], "chunks": chunks}
    text = f"{METHOD}\n\n{results_table(speeds)}\n\n{chunk_table(chunks)}"
    return Section("Feature streaming beside bare gRPC", text, facts)


class FeatureServer(NamedTuple):
    """A process, and where the encoder and bare gRPC answer in it."""

    pid: int
    ours: str
    bare: str


@contextmanager
def feature_server(model: Path) -> Iterator[FeatureServer]:
    """Starts a server that holds features of all sizes."""
    module = "benchmarks.encoder.feature_server"
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(model), *map(str, SIZES.values())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None, "a pipe"
        ours, bare = map(int, process.stdout.readline().split())
        yield FeatureServer(process.pid, f"127.0.0.1:{ours}", f"127.0.0.1:{bare}")
    finally:
        process.communicate()


async def _rounds(
    options: Options, server: FeatureServer, picture: str, num_streams: int
) -> list[Speed]:
    checkpoint = resolve_checkpoint(str(options.model))
    fingerprint = checkpoint.fingerprint
    # nano's features are narrow: as many bytes are more tokens than it has positions.
    checkpoint.config["text_config"]["max_position_embeddings"] = NUM_POSITIONS
    client = EncoderClient(server.ours, fingerprint, family_of(checkpoint))
    settle()  # as the generator does
    async with open_channel(server.bare) as channel:
        num_bytes = SIZES[picture]
        contestants: tuple[Receive, Receive] = (
            partial(receive, client, num_bytes),
            partial(receive_bare, channel, num_bytes, CHUNK_BYTES),
        )
        speeds = []
        for number in (-1, *options.counted_rounds()):
            order = contestants if number % 2 else contestants[::-1]
            taken = {each: await flow(each, num_streams, server.pid) for each in order}
            if number >= 0:
                speeds.append(Speed(picture, num_streams, *(taken[each] for each in contestants)))
    await client.close()
    return speeds


async def chunk_speeds(options: Options, server: FeatureServer) -> dict[int, list[float]]:
    """Returns GB/s of bare gRPC, round by round, for several sizes of a chunk."""
    speeds: dict[int, list[float]] = {size: [] for size in CHUNK_SIZES}
    num_bytes = max(SIZES.values())
    async with open_channel(server.bare) as channel:
        for _ in (-1, *options.counted_rounds()):
            for size, rounds in speeds.items():
                turn = await flow(partial(receive_bare, channel, num_bytes, size), 1, server.pid)
                rounds.append(turn.gigabytes_per_s)
    return {size: rounds[1:] for size, rounds in speeds.items()}


def chunk_table(speeds: Mapping[int, Sequence[float]]) -> str:
    """Returns a table of bare gRPC's speed by the size of a chunk."""
    rows = [
        [f"{size // 1024} KiB{', ours' if size == CHUNK_BYTES else ''}", f"{median(rounds):.2f}"]
        for size, rounds in speeds.items()
    ]
    return table(["chunk", "bare gRPC, GB/s"], rows)


async def receive(client: EncoderClient, num_bytes: int) -> int:
    """Fetches the features as the generator does, checks included; returns their bytes."""
    medium = Medium(MediaKind.IMAGE, digest_of(num_bytes), None, media_pb2.MediaOptions(), "media")
    exchange = client.exchange(medium, TIMEOUT_S, header_only=False)
    try:
        assert await exchange.ask(), "the features are held"
        features = (await exchange.result()).features
        assert features is not None
        return features.nbytes
    finally:
        client.end(exchange)


async def receive_bare(channel: aio.Channel, num_bytes: int, chunk_bytes: int) -> int:
    """Reads the same bytes and looks at none of them."""
    call: aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(BARE_METHOD)()
    await call.write(bare_request(num_bytes, chunk_bytes))
    await call.done_writing()
    received = 0
    while isinstance(chunk := await call.read(), bytes):
        received += len(chunk)
    return received


async def flow(receive: Receive, num_streams: int, server_pid: int) -> Flow:
    """Receives again and again, so many streams at a time; returns all of them together."""
    received = 0

    async def stream() -> None:
        nonlocal received
        while received < BYTES_A_TURN:
            came = await receive()
            received += came

    # Reading all processes takes milliseconds that belong to nobody's turn.
    used_there = tree_cpu_s(server_pid)
    used_here, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*(stream() for _ in range(num_streams)))
    seconds, here_s = time.perf_counter() - start, time.process_time() - used_here
    return Flow(received, seconds, here_s + tree_cpu_s(server_pid) - used_there)


def results_table(speeds: Sequence[Speed]) -> str:
    """Returns medians over the rounds, and the median of the rounds' own ratios."""
    rows = []
    for picture, num_streams in dict.fromkeys(each.case for each in speeds):
        of_case = [each for each in speeds if each.case == (picture, num_streams)]
        rows.append(
            [
                picture,
                str(num_streams),
                f"{median([each.ours.gigabytes_per_s for each in of_case]):.2f}",
                f"{median([each.bare.gigabytes_per_s for each in of_case]):.2f}",
                f"{median([each.ratio for each in of_case]):.2f}",
                f"{median([each.ours.cpu_s_per_gigabyte for each in of_case]):.2f}",
                f"{median([each.bare.cpu_s_per_gigabyte for each in of_case]):.2f}",
            ]
        )
    header = [
        "features of",
        "streams",
        "GB/s",
        "bare gRPC, GB/s",
        f"ratio (at least {LIMIT})",
        "CPU s/GB, both ends",
        "bare gRPC, CPU s/GB",
    ]
    return table(header, rows)
