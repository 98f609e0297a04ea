"""The plain path as a child process that takes turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.encoder.turn import Turn, metered


class PlainProcess:
    """Asks `benchmarks.encoder.plain` for one turn after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.facts = self._answer()
        """Its processor's class, and how its tower attends."""

    def turn(self, files: Sequence[Path], num_clients: int, batch: int) -> Turn:
        """Encodes files, `batch` of them in a forward pass."""
        job = {"files": [str(path) for path in files], "clients": num_clients, "batch": batch}
        assert self._process.stdin is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        return metered(self._process.pid, lambda: Turn(**self._answer()))

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the plain path ended; see its output")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running_plain(model: Path, device: str, dtype: str) -> Iterator[PlainProcess]:
    """Starts the plain path, and ends it at the end."""
    command = [sys.executable, "-m", "benchmarks.encoder.plain", "--model", str(model)]
    command += ["--device", device, "--dtype", dtype]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield PlainProcess(process)
        finally:
            process.terminate()
