"""People who ask on the page and watch their answers grow, without a browser."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlencode

from benchmarks.page.scripted_generator import question
from benchmarks.process_tree import tree_cpu_s

_RUNNING = re.compile(rb'id="m-([0-9a-f]{32})" class="message is-assistant is-running')
_MAX_EVENT_BYTES = 2**22
WARM_UP_S = 2.0
ASKING_S = 0.25
"""For one question beside running answers, at most: all of them outlive the measurement."""


@dataclass(frozen=True)
class Watching:
    """What watchers saw in a while: gaps between updates, and CPU as shares of one core."""

    gaps_s: list[float]
    web_share: float
    client_share: float


async def watch(
    port: int, web_pid: int, num_streams: int, words_per_s: int, seconds: float
) -> Watching:
    """Opens streams, lets them run warm, and measures for so many seconds."""
    num_words = round(words_per_s * (seconds + 2 * WARM_UP_S + num_streams * ASKING_S))
    ids = [await ask(port, question(num_words, words_per_s)) for _ in range(num_streams)]
    times: list[list[float]] = [[] for _ in ids]
    tasks = [
        asyncio.create_task(_record(port, message_id, seen))
        for message_id, seen in zip(ids, times, strict=True)
    ]
    await asyncio.sleep(WARM_UP_S)
    begin, web_s, own_s = time.perf_counter(), tree_cpu_s(web_pid), time.process_time()
    await asyncio.sleep(seconds)
    wall_s = time.perf_counter() - begin
    web_share = (tree_cpu_s(web_pid) - web_s) / wall_s
    client_share = (time.process_time() - own_s) / wall_s
    num_ended = sum(task.done() for task in tasks)
    assert num_ended == 0, f"{num_ended} of {num_streams} answers ended while they were measured"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    gaps = [
        later - earlier
        for seen in times
        for earlier, later in pairwise(seen)
        if begin <= later <= begin + wall_s
    ]
    return Watching(gaps, web_share, client_share)


async def ask(port: int, text: str) -> str:
    """Asks in a new conversation and returns the id of the running answer."""
    body = urlencode({"text": text}).encode()
    head = f"POST /c HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = await _whole(port, (head + form).encode() + body)
    place = re.search(rb"location: (/c/[0-9a-f]{32})", answer)
    assert place, answer[:500]
    found = _RUNNING.search(await _whole(port, get(port, place[1].decode())))
    assert found, "no answer is running"
    return found[1].decode()


def get(port: int, path: str) -> bytes:
    """Returns a request without compression, after which the connection ends."""
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


async def _record(port: int, message_id: str, seen: list[float]) -> None:
    async for _ in _events(port, message_id):
        seen.append(time.perf_counter())


async def _events(port: int, message_id: str) -> AsyncIterator[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_MAX_EVENT_BYTES)
    try:
        writer.write(get(port, f"/m/{message_id}/stream"))
        while True:
            yield await reader.readuntil(b"\n\n")
    finally:
        writer.close()


async def _whole(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer
