"""A real redis-server of a test's own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

START_TIMEOUT_S = 20.0


class RunningRedis:
    """A server on a Unix socket in a test's folder, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        options = ["--port", "0", "--save", "", "--unixsocket", f"{folder}/redis.sock"]
        command = ["redis-server", *options, "--dir", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.url = f"unix://{folder}/redis.sock"

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with Redis.from_url(self.url, socket_timeout=START_TIMEOUT_S) as client:
            while not self._answers(client):
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self, client: Redis) -> bool:
        try:
            return bool(client.ping())
        except (RedisError, OSError):
            assert self._process.poll() is None, "redis-server has ended"
            return False


@contextmanager
def running_redis(folder: Path) -> Iterator[RunningRedis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server is installed")
    server = RunningRedis(folder)
    try:
        server.wait_ready()
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def slow_way(server: RunningRedis, folder: Path, delay_s: float) -> AsyncIterator[str]:
    """Yields the URL of a proxy that holds back every piece of an answer for a while.

    Connections end with the block, whoever has left one open: from Python 3.12 on a server that
    closes waits for them.
    """
    serving: set[asyncio.Task[None]] = set()

    async def carry(reader: StreamReader, writer: StreamWriter, pause_s: float) -> None:
        while data := await reader.read(2**22):
            await asyncio.sleep(pause_s)
            writer.write(data)
        writer.close()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        answers, commands = await asyncio.open_unix_connection(server.url.removeprefix("unix://"))
        with closing(writer), closing(commands):
            async with asyncio.TaskGroup() as group:
                group.create_task(carry(reader, commands, 0))
                group.create_task(carry(answers, writer, delay_s))

    def begin(reader: StreamReader, writer: StreamWriter) -> None:
        serving.add(asyncio.create_task(serve(reader, writer)))

    proxy = await asyncio.start_unix_server(begin, folder / "slow.sock")
    async with proxy:
        try:
            yield f"unix://{folder}/slow.sock"
        finally:
            for each in serving:
                each.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
