"""The whole suite as a user starts it, on free ports, with its own data folder."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ports import free_ports

ROOT = Path(__file__).parents[2]
NANO = ROOT / "models" / "sightline-nano"
START_TIMEOUT_S = 120.0


@dataclass
class RunningSuite:
    """Addresses and process of a running suite."""

    process: subprocess.Popen
    output: Path
    web_port: int
    generator_port: int
    encoder_port: int

    @property
    def url(self):
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def generator(self):
        return f"127.0.0.1:{self.generator_port}"

    @property
    def encoder(self):
        return f"127.0.0.1:{self.encoder_port}"

    def child_ids(self):
        """Returns the process ids of the launcher's children."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if path.exists():
            return [int(word) for word in path.read_text().split()]
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True)
        pairs = [line.split() for line in table.stdout.splitlines()]
        return [int(child) for child, parent in pairs if int(parent) == self.process.pid]

    def wait_for_line(self, pattern, timeout_s=START_TIMEOUT_S):
        """Waits until the output matches, or fails with the output."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            match = re.search(pattern, self.output.read_text())
            if match:
                return match
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"no line {pattern!r} in:\n{self.output.read_text()}")

    def stop(self, number=signal.SIGINT):
        """Sends a signal and returns the launcher's exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def launch(folder, **environ):
    """Starts a suite whose files lie in a folder; does not wait for it."""
    names = ("SIGHTLINE_WEB_PORT", "SIGHTLINE_GENERATOR_PORT", "SIGHTLINE_ENCODER_PORT")
    ports = {
        name: int(environ.pop(name, 0)) or port
        for name, port in zip(names, free_ports(len(names)), strict=True)
    }
    output = folder / "suite.log"
    with output.open("w") as log, _hangups_reach_children():
        process = subprocess.Popen(
            [sys.executable, "-m", "sightline_common.launcher"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={
                **os.environ,
                "SIGHTLINE_MODEL": str(NANO),
                "SIGHTLINE_DATA_DIR": str(folder / "data"),
                **{name: str(port) for name, port in ports.items()},
                **environ,
            },
        )
    return RunningSuite(process, output, *ports.values())


@contextmanager
def _hangups_reach_children():
    """Under nohup this process ignores SIGHUP, and its children would, too.

    A handler, unlike that, ends with exec. Between fork and exec nothing may run here: gRPC's
    own threads live in this process, and its handlers abort the child when one is at work.
    """
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    if is_ignored:
        signal.signal(signal.SIGHUP, lambda *_: None)
    try:
        yield
    finally:
        if is_ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def running_suite(folder, **environ):
    """Starts a suite, waits until it is ready, and stops it."""
    suite = launch(folder, **environ)
    try:
        suite.wait_for_line(r"ready after")
        yield suite
    finally:
        if suite.process.poll() is None:
            suite.stop()
