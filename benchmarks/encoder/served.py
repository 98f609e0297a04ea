"""The encoder as it is served, and clients that ask it over gRPC."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import MAX_CHUNK_BYTES, open_channel
from sightline_common.digest import sha256_digest

from benchmarks.encoder.turn import Turn, metered
from benchmarks.ports import free_ports

if TYPE_CHECKING:
    from typing import TypeAlias

    Call: TypeAlias = aio.StreamStreamCall[
        encoder_pb2.EncodeMediaRequest, encoder_pb2.EncodeMediaResponse
    ]

_START_TIMEOUT_S = 300.0
STOP_GRACE_S = 20.0


class Served(NamedTuple):
    """An encoder that answers: its address, its process, and how its tower attends."""

    target: str
    pid: int
    attention: str


@contextmanager
def running_encoder(model: Path, variables: Mapping[str, str]) -> Iterator[Served]:
    """Starts `python -m sightline_encoder`, yields where it is, and stops it at the end."""
    port = free_ports(1)[0]
    own = {"SIGHTLINE_MODEL": str(model), "SIGHTLINE_ENCODER_PORT": str(port)}
    environ = {**os.environ, **own, "SIGHTLINE_ENCODER_LOG_LEVEL": "WARNING", **variables}
    process = subprocess.Popen([sys.executable, "-m", "sightline_encoder"], env=environ)
    try:
        _wait_serving(f"127.0.0.1:{port}", process)
        yield Served(f"127.0.0.1:{port}", process.pid, _attention(f"127.0.0.1:{port}"))
    finally:
        process.terminate()
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_serving(target: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < deadline and process.poll() is None:
            if _is_serving(stub):
                return
            time.sleep(0.2)
    raise RuntimeError("the encoder did not start; see its output")


def _is_serving(stub: health_pb2_grpc.HealthStub) -> bool:
    try:
        reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
    except grpc.RpcError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def _attention(target: str) -> str:
    with grpc.insecure_channel(target) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        return stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()).attention


def served_turn(encoder: Served, files: Sequence[bytes], num_clients: int) -> Turn:
    """Lets clients ask for all files; each asks for its next one when it has its last."""
    return metered(
        encoder.pid, lambda: asyncio.run(_served_turn(encoder.target, files, num_clients))
    )


async def _served_turn(target: str, files: Sequence[bytes], num_clients: int) -> Turn:
    waiting = iter(files)
    latencies: list[float] = []

    async def client(stub: encoder_pb2_grpc.EncoderServiceAsyncStub) -> None:
        for file in waiting:
            began = time.perf_counter()
            await encode(stub, file)
            latencies.append(time.perf_counter() - began)

    async with open_channel(target) as channel:
        await channel.channel_ready()
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        start = time.perf_counter()
        await asyncio.gather(*(client(stub) for _ in range(num_clients)))
        return Turn(time.perf_counter() - start, latencies)


async def encode(stub: encoder_pb2_grpc.EncoderServiceAsyncStub, file: bytes) -> bytes:
    """Returns a picture's features, sending its bytes only when they are wanted.

    Raises RuntimeError when other features came than were announced.
    """
    header = encoder_pb2.MediaHeader(digest=sha256_digest(file), byte_count=len(file))
    call = stub.EncodeMedia()
    await call.write(encoder_pb2.EncodeMediaRequest(header=header))
    payload, announced = bytearray(), ""
    async for response in call:
        match response.WhichOneof("payload"):
            case "bytes_wanted":
                await _upload(call, file)
            case "header":
                announced = response.header.payload_digest
            case "chunk":
                payload += response.chunk
    if sha256_digest(payload) != announced:
        raise RuntimeError("other features came than were announced")
    return bytes(payload)


async def _upload(call: Call, file: bytes) -> None:
    for start in range(0, len(file), MAX_CHUNK_BYTES):
        chunk = file[start : start + MAX_CHUNK_BYTES]
        await call.write(encoder_pb2.EncodeMediaRequest(chunk=chunk))
    await call.done_writing()
