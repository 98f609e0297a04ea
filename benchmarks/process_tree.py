"""CPU time and memory of a process and its descendants, read from /proc (Linux)."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class ProcessTimes(NamedTuple):
    """A process: its id, its parent's, its own CPU seconds, and its reaped children's."""

    pid: int
    parent: int
    own_s: float
    children_s: float


def parse_stat(line: str) -> ProcessTimes:
    """Reads a line of /proc/<pid>/stat; fields as in proc(5).

    The second field, the command, may contain spaces and parentheses.
    """
    pid = int(line.partition(" ")[0])
    fields = line.rpartition(")")[2].split()
    # After the command come state (3), ppid (4), ... utime (14), stime, cutime, cstime.
    seconds = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]
    return ProcessTimes(pid, int(fields[1]), sum(seconds[:2]), sum(seconds[2:]))


def descendants(processes: list[ProcessTimes], root: int) -> list[ProcessTimes]:
    """Returns the process `root` and everything below it."""
    children = defaultdict(list)
    for process in processes:
        children[process.parent].append(process)
    found = [process for process in processes if process.pid == root]
    for process in found:  # grows while it is read
        found.extend(children[process.pid])
    return found


def all_processes() -> list[ProcessTimes]:
    """Reads every process of this machine; those that end meanwhile are left out."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                found.append(parse_stat((folder / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def tree_cpu_s(root: int) -> float:
    """Returns the CPU seconds that a process and its descendants have used so far."""
    return sum(each.own_s + each.children_s for each in descendants(all_processes(), root))


def thread_cpu_s(pid: int, thread_id: int) -> float:
    """Returns the CPU seconds of one thread; 0 for one that there is not."""
    try:
        # A thread's line has the children of its whole process.
        return parse_stat((PROC / f"{pid}/task/{thread_id}/stat").read_text()).own_s
    except FileNotFoundError:
        return 0.0


def resident_bytes(root: int) -> int:
    """Returns the resident memory of a process and its descendants; shared pages count in each."""
    return sum(_resident_bytes(each.pid) for each in descendants(all_processes(), root))


def started_bytes() -> int:
    """Returns the resident memory of all that this process started."""
    return resident_bytes(os.getpid()) - _resident_bytes(os.getpid())


def _resident_bytes(pid: int) -> int:
    """The second field of /proc/<pid>/statm, in pages."""
    try:
        fields = (PROC / str(pid) / "statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
