"""One service as a child process: its progress lines, its health, its end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress

from sightline_common.telemetry import escaped, readable

TAIL_LINES = 20

Probe = Callable[[], Awaitable[bool]]


def say(name: str, line: str) -> None:
    """Prints a line under a name; a terminal that is gone is no reason to stop."""
    with suppress(OSError):
        print(f"{name:<10} {line}", flush=True)


class ChildProcess:
    """Runs `python -m module`, prints its log as progress, and probes its health.

    The child gets a process group of its own, so that Ctrl-C reaches the launcher
    alone, which then stops children in order.
    """

    def __init__(self, name: str, module: str, environ: Mapping[str, str], probe: Probe) -> None:
        self.name = name
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._module = module
        self._environ = dict(environ)
        self._probe = probe
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            env=self._environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._print_output())

    async def wait_ready(self) -> None:
        """Returns when the health probe succeeds; probes every quarter second."""
        while not await self._probe():
            await asyncio.sleep(0.25)

    async def wait_dead(self) -> int:
        """Returns the exit status when the process has ended and its output is read."""
        assert self._process is not None and self._reader is not None, "started before"
        status = await self._process.wait()
        await self._reader
        return status

    async def stop(self, grace_s: float) -> None:
        """Sends SIGTERM, and SIGKILL when `grace_s` seconds were not enough."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self._signal(signal.SIGKILL)
        await self.wait_dead()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _print_output(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        async for raw in _lines(self._process.stdout):
            line = readable_line(raw.decode(errors="replace").rstrip())
            self.tail.append(line)
            say(self.name, line)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yields lines; drops what exceeds the stream's limit, as a full pipe would stop the child."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line


def readable_line(line: str) -> str:
    """Turns a JSON log record into `event field=value ...`; leaves other lines alone."""
    try:
        record = json.loads(line)
    except ValueError:
        return escaped(line)
    if not isinstance(record, dict) or "event" not in record:
        return escaped(line)
    record.pop("request_id", None)
    return readable(record)
