"""Starting a contestant, knowing when it is ready, and stopping it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import Contestant, filled
from benchmarks.ports import free_ports
from benchmarks.process_tree import all_processes, descendants, tree_cpu_s

READY_TIMEOUT_S = 900.0
"""Some compile for minutes before they answer."""
STOP_GRACE_S = 20.0
LOG_TAIL_CHARACTERS = 3000


class StartError(RuntimeError):
    """Means that a contestant did not become ready."""


@dataclass(frozen=True)
class Running:
    """A contestant that runs."""

    contestant: Contestant
    values: Mapping[str, object]
    process: subprocess.Popen[bytes]
    start_s: float

    @property
    def port(self) -> int:
        return int(str(self.values["port"]))

    @property
    def model_name(self) -> str:
        return str(self.values["name"])

    def cpu_s(self) -> float:
        """Returns the CPU seconds that it has used so far, with all its processes."""
        return tree_cpu_s(self.process.pid)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stops it and all its processes for a while: some spin for work that does not come."""
        _signal_tree(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal_tree(self.process.pid, signal.SIGCONT)


def _signal_tree(root: int, number: signal.Signals) -> None:
    for each in descendants(all_processes(), root):
        with suppress(ProcessLookupError):
            os.kill(each.pid, number)


@contextmanager
def running(contestant: Contestant, values: Mapping[str, object], log: Path) -> Iterator[Running]:
    """Prepares and starts a contestant, waits until it is ready, and stops it at the end.

    `values` fills its command; see Contestant. Raises StartError, with the end of its log.
    """
    own = {**named_ports(), **values}
    environ = {**os.environ, **_filled_all(contestant.variables, own)}
    with log.open("wb") as output:
        for step in contestant.prepare:
            _run_step([filled(part, own) for part in step], environ, log)
        start = time.monotonic()
        process = subprocess.Popen(
            [filled(part, own) for part in contestant.command],
            stdin=subprocess.PIPE if contestant.kind == "batch" else subprocess.DEVNULL,
            stdout=subprocess.PIPE if contestant.kind == "batch" else output,
            stderr=output,
            env=environ,
            start_new_session=True,
        )
        try:
            if contestant.kind == "server" and contestant.ready:
                url = f"http://127.0.0.1:{own['port']}{contestant.ready}"
                _wait_ready(url, process, log)
            yield Running(contestant, own, process, time.monotonic() - start)
        finally:
            _stop(process)


def named_ports() -> dict[str, int]:
    """Returns three free ports by the names that commands use."""
    return dict(zip(("port", "port_1", "port_2"), free_ports(3), strict=True))


def _filled_all(variables: Mapping[str, str], values: Mapping[str, object]) -> dict[str, str]:
    return {key: filled(value, values) for key, value in variables.items()}


def _run_step(command: list[str], environ: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=output, env=environ, check=False)
    if done.returncode != 0:
        raise StartError(f"{command[0]} failed:\n{_tail(log)}")


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(url):
            return
        time.sleep(0.5)
    raise StartError(f"{url} did not become ready:\n{_tail(log)}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _tail(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the process to end; kills it with all that it started when it does not."""
    started = [each.pid for each in descendants(all_processes(), process.pid)]
    process.terminate()
    try:
        process.wait(STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        for pid in started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
