"""What the machine lends to the processes that draw."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

SHARED_MEMORY = Path("/dev/shm")  # where Linux keeps tensors that cross between processes


def usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allow_open_files() -> None:
    """Raises this process's limit to what it may have: each tensor on its way holds a file open."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def fitting_workers(wanted: int, bytes_each: int, folder: Path = SHARED_MEMORY) -> int:
    """How many of the wanted processes may hand over so many bytes each; says it if not all.

    Without this a full /dev/shm ends training with a bus error.
    """
    if not folder.is_dir():
        return wanted
    free = shutil.disk_usage(folder).free
    fitting = min(wanted, free // bytes_each)
    if fitting < wanted:
        print(
            f"{folder} has room for {fitting} of {wanted} processes that draw ({free / 2**30:.1f} "
            "GiB); give a container more with --shm-size 16g.",
            flush=True,
        )
    return fitting
