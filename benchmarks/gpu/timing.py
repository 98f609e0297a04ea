"""Time on devices that work while the host goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

Measurement = Callable[[], float]


class MemoryShortage(BaseException):
    """Means that the device had too little memory.

    No Exception, because the engine survives those: it ends the sequences and goes on.
    """


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Returns how long some work takes until the device has finished it."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: torch.device) -> None:
    """Waits for everything that was asked of a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternating(contenders: Mapping[str, Measurement], rounds: int) -> dict[str, list[float]]:
    """Measures all contenders once a round, after one round that does not count.

    One that runs out of memory has no values.
    """
    values: dict[str, list[float]] = {name: [] for name in contenders}
    out_of_memory: set[str] = set()
    for round_ in range(rounds + 1):
        for name, measure in contenders.items():
            if name in out_of_memory:
                continue
            try:
                value = measure()
            except (torch.OutOfMemoryError, MemoryShortage):
                out_of_memory.add(name)
                values[name] = []
                torch.cuda.empty_cache()
                continue
            if round_:
                values[name].append(value)
    return values
