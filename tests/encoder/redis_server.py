"""A real redis-server of a test's own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
        with Redis.from_url(self.url) as client:
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
