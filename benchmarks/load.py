"""The load generator: streaming clients that cost as little as they can.

Each client sends its requests one after the other, every one on a new connection, and
keeps what arrives with its time. Nothing is parsed before the last byte has come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.answer import Answer, AnswerError, Arrival, Recording, read_answer
from benchmarks.measure import Sample

PATH = "/v1/chat/completions"
REQUEST_TIMEOUT_S = 600.0
BUSY_SHARE = 0.5
"""Above this share of one core the load generator may itself have been the limit."""


@dataclass(frozen=True)
class Load:
    """What one round of load brought, and the CPU time that the load generator took."""

    answers: tuple[Answer, ...]
    wall_s: float
    own_cpu_s: float

    @property
    def samples(self) -> list[Sample]:
        return [answer.sample for answer in self.answers]

    @property
    def tokens_per_s(self) -> float:
        """Output tokens of all answers over the time from first request to last byte."""
        return sum(sample.token_count for sample in self.samples) / self.wall_s

    @property
    def own_cpu_share(self) -> float:
        """CPU time of the load generator over wall time: 1 is a whole core."""
        return self.own_cpu_s / self.wall_s


def run_load(port: int, clients: Sequence[Sequence[bytes]]) -> Load:
    """Sends every client's JSON bodies to a server on this machine, all clients at once.

    Raises AnswerError when an answer is refused, broken off, or late.
    """
    return asyncio.run(_run_load(port, clients))


async def _run_load(port: int, clients: Sequence[Sequence[bytes]]) -> Load:
    requests = [[_request(body) for body in bodies] for bodies in clients]
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    recordings = await asyncio.gather(*(_one_client(port, each) for each in requests))
    wall_s, own_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    answers = [read_answer(recording) for client in recordings for recording in client]
    return Load(tuple(answers), wall_s, own_cpu_s)


def _request(body: bytes) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def _one_client(port: int, requests: Sequence[bytes]) -> list[Recording]:
    return [await _exchange(port, request) for request in requests]


async def _exchange(port: int, request: bytes) -> Recording:
    loop = asyncio.get_running_loop()
    _, recorder = await loop.create_connection(lambda: _Recorder(request), "127.0.0.1", port)
    try:
        return await asyncio.wait_for(recorder.done, REQUEST_TIMEOUT_S)
    except TimeoutError:
        raise AnswerError(f"no complete answer within {REQUEST_TIMEOUT_S:.0f} s") from None


class _Recorder(asyncio.Protocol):
    """Sends one request and notes what arrives when, until the server closes."""

    def __init__(self, request: bytes) -> None:
        self.done: asyncio.Future[Recording] = asyncio.get_running_loop().create_future()
        self._request = request
        self._recording = Recording(0.0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._recording.start_s = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._recording.arrivals.append(Arrival(time.perf_counter(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._recording.end_s = time.perf_counter()
        if self.done.done():
            return
        if exc is None:
            self.done.set_result(self._recording)
        else:
            self.done.set_exception(AnswerError(f"the connection broke: {exc}"))
