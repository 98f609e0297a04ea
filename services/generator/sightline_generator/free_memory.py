"""How much memory this process may still take on the CPU: the machine's and the container's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 2**60
"""What version 1 writes for no limit is larger than this."""


def available_bytes(root: Path = Path("/")) -> int:
    """Returns what is available before the machine swaps or a cgroup's limit is met.

    Reads /proc/meminfo and the memory limits of this process's cgroup and all above it, of
    either version (https://docs.kernel.org/admin-guide/cgroup-v2.html, "memory.max").
    `root` holds `proc` and `sys`. Raises OSError where the kernel tells none of this.
    """
    return min([_machine_bytes(root), *_cgroup_rooms(root)])


def _machine_bytes(root: Path) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise OSError("/proc/meminfo does not tell MemAvailable")


def _cgroup_rooms(root: Path) -> Iterator[int]:
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers == "":
            names, base = ("memory.max", "memory.current"), root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            base = root / "sys/fs/cgroup/memory"
        else:
            continue
        folder = base / path.lstrip("/")
        for level in [folder, *folder.parents]:
            yield from _room(level, *names)
            if level == base:
                break


def _room(folder: Path, limit_name: str, usage_name: str) -> Iterator[int]:
    # A container often sees its own cgroup as the root, so that its path leads nowhere.
    try:
        limit = (folder / limit_name).read_text().strip()
        usage = int((folder / usage_name).read_text())
    except OSError:
        return
    if limit != "max" and int(limit) < _UNLIMITED:
        yield max(0, int(limit) - usage)
