"""A real redis-server of a test's own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError


class RunningRedis:
    """A server on a Unix socket in a test's folder, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{folder}/redis.sock"

    def start(self) -> None:
        options = ["--port", "0", "--save", "", "--unixsocket", f"{self._folder}/redis.sock"]
        command = ["redis-server", *options, "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    async def wait_ready(self) -> None:
        async with asyncio.timeout(20), Redis.from_url(self.url) as client:
            while not await self._answers(client):
                await asyncio.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    async def _answers(self, client) -> bool:
        try:
            return await client.ping()
        except (RedisError, OSError):
            assert self._process.poll() is None, "redis-server has ended"
            return False


@asynccontextmanager
async def running_redis(folder: Path):
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server is installed")
    server = RunningRedis(folder)
    server.start()
    try:
        await server.wait_ready()
        yield server
    finally:
        server.kill()
