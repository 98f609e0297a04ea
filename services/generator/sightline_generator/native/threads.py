"""How many threads compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_count: int | None = None


def num_threads() -> int:
    """Returns the threads of a native kernel; as many as torch's until told otherwise."""
    return torch.get_num_threads() if _count is None else _count


def take_over_threads(count: int) -> None:
    """Gives all threads to the native kernels and leaves torch one.

    What torch still does between two kernels is small, and its threads would spin for
    work that does not come while another process waits for the core.
    """
    global _count
    _count = count
    torch.set_num_threads(1)


@contextmanager
def torch_with_all_threads() -> Iterator[None]:
    """Lets torch compute with as many threads as the kernels, for matrices it multiplies itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads())
    try:
        yield
    finally:
        torch.set_num_threads(before)
