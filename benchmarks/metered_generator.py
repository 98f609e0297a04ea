"""The generator service as it is, with a meter on its model.

The meter says how much CPU time the engine's thread spent in the model. With torch on one
thread that is all the model costs, so whatever else the process used lies outside it.
"""

from __future__ import annotations

import functools
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

METER_VARIABLE = "SIGHTLINE_BENCH_METER"
_LAYOUT = struct.Struct("<dqq")


class Reading(NamedTuple):
    """CPU seconds spent in the model, steps taken, and the engine thread's id."""

    model_s: float
    num_steps: int
    thread_id: int


class Meter:
    """Numbers in a file that one process writes and another reads."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_LAYOUT.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    def read(self) -> Reading:
        return Reading(*_LAYOUT.unpack_from(self._memory))

    def add(self, model_s: float) -> None:
        """Counts a step of the calling thread."""
        before = self.read()
        thread_id = threading.get_native_id()
        _LAYOUT.pack_into(
            self._memory, 0, before.model_s + model_s, before.num_steps + 1, thread_id
        )


def metered(run: Callable[Parameters, Result], meter: Meter) -> Callable[Parameters, Result]:
    """Returns `run` with its thread's CPU time added to the meter."""

    @functools.wraps(run)
    def run_and_count(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        start_s = time.thread_time()
        try:
            return run(*args, **kwargs)
        finally:
            meter.add(time.thread_time() - start_s)

    return run_and_count


def main() -> int:
    from sightline_generator.__main__ import main as serve
    from sightline_generator.engine.model_runner import ModelRunner

    meter = Meter(Path(os.environ[METER_VARIABLE]))
    ModelRunner.run = metered(ModelRunner.run, meter)  # type: ignore[method-assign]
    return serve()


if __name__ == "__main__":
    sys.exit(main())
