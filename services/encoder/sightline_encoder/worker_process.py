"""A worker process as its owner sees it."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sightline_common.errors import MediaError, error_for_reason
from sightline_common.malloc import MALLOC_VARIABLES

from sightline_encoder.decoded import Decoded, Plane
from sightline_encoder.worker_message import MessageError, receive_answer, send_request

_START_TIMEOUT_S = 60.0
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TMPDIR")
"""All that a worker is told of the service's environment, which may hold passwords."""

_MEMORY = {
    # Threads of BLAS reserve some each.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Blocks of 16 MiB that Pillow keeps for the next picture, instead of having them mapped anew.
    "PILLOW_BLOCKS_MAX": "4",
}


@dataclass(frozen=True)
class WorkerLimits:
    """What one file may cost: bytes of memory, seconds of CPU, seconds on the clock."""

    memory_bytes: int = 1024**3
    cpu_s: float = 10.0
    timeout_s: float = 30.0


class WorkerDiedError(Exception):
    """Means that a worker ended, or had to be ended, while it was busy."""


class CpuTimeError(WorkerDiedError):
    """Means that a file used up its seconds of CPU: another try would do the same."""


class ClockTimeError(WorkerDiedError):
    """Means that time on the clock was over, which a busy machine may be the reason of."""


class WorkerProcess:
    """One worker, started at once; for one thread at a time.

    `kernels` is a library to resample with; without one, Pillow does it.
    """

    def __init__(self, limits: WorkerLimits, kernels: Path | None = None) -> None:
        self._limits = limits
        self._connection, theirs = socket.socketpair()
        self._is_ready = False
        with theirs:
            self._process = subprocess.Popen(
                _command(theirs.fileno(), limits.memory_bytes, kernels),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Returns when the worker can decode; raises WorkerDiedError."""
        if not self._is_ready:
            self._receive(time.monotonic() + _START_TIMEOUT_S)
            self._is_ready = True

    def decode(
        self, decoder: str, data: bytes, options: Mapping[str, Any], limits: WorkerLimits
    ) -> Decoded:
        """Runs a module's decoder on a file; raises MediaError or WorkerDiedError.

        Of `limits` only the times count: memory is bounded for the worker's whole life.
        """
        deadline = time.monotonic() + limits.timeout_s
        request = {"decoder": decoder, "options": dict(options), "cpu_s": limits.cpu_s}
        self._send(request, data, deadline)
        answer, body = self._receive(deadline)
        try:
            return _decoded(answer, body)
        except (KeyError, TypeError, ValueError):
            raise WorkerDiedError("the worker's answer makes no sense") from None

    def kill(self) -> None:
        """Ends the process, whatever it does; a thread that waits for it gets WorkerDiedError."""
        self._process.kill()

    def close(self) -> None:
        """Kills the process and returns when it is gone; not while a thread waits for it."""
        self.kill()
        self._process.wait()
        self._connection.close()

    def _send(self, request: Mapping[str, Any], data: bytes, deadline: float) -> None:
        self._connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            send_request(self._connection, request, data)
        except OSError as error:
            raise self._death(error) from error

    def _receive(self, deadline: float) -> tuple[dict[str, Any], memoryview]:
        try:
            return receive_answer(self._connection, deadline)
        except (MessageError, OSError) as error:
            raise self._death(error) from error

    def _death(self, error: Exception) -> WorkerDiedError:
        if isinstance(error, TimeoutError):
            return ClockTimeError("it took too long")
        with suppress(subprocess.TimeoutExpired):
            if self._process.wait(1.0) == -signal.SIGXCPU:
                return CpuTimeError("it used up its CPU time")
            return WorkerDiedError(f"it ended with status {self._process.returncode}")
        return WorkerDiedError(str(error))


def _command(descriptor: int, memory_bytes: int, kernels: Path | None) -> list[str]:
    arguments = [descriptor, memory_bytes, *([kernels] if kernels else [])]
    module = "sightline_encoder.worker"
    return [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {**kept, **MALLOC_VARIABLES, **_MEMORY}


def _decoded(answer: Mapping[str, Any], body: memoryview) -> Decoded:
    if "error" in answer:
        raise _media_error(**answer["error"])
    planes: list[Plane] = []
    start = 0
    for shape in answer["shapes"]:
        end = start + math.prod(shape)
        planes.append(np.frombuffer(body[start:end], np.uint8).reshape(shape))
        start = end
    return Decoded(planes, answer["facts"])


def _media_error(reason: str, message: str, metadata: Mapping[str, str]) -> MediaError:
    kind = error_for_reason(reason)
    if not issubclass(kind, MediaError):
        raise ValueError(reason)
    return kind(message, metadata=metadata)
