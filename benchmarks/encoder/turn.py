"""One contestant's turn in a round: so many pictures, so many clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.measure import median, percentile
from benchmarks.process_tree import tree_cpu_s


@dataclass(frozen=True)
class Turn:
    """Seconds that the whole turn took, and those of each picture as its client saw them.

    `cpu_s` are the CPU seconds of the contestant's processes, its clients' not among them.
    """

    seconds: float
    latencies_s: Sequence[float]
    cpu_s: float = 0.0

    @property
    def images_per_s(self) -> float:
        return len(self.latencies_s) / self.seconds

    @property
    def cpu_s_per_image(self) -> float:
        return self.cpu_s / len(self.latencies_s)


def metered(pid: int, take: Callable[[], Turn]) -> Turn:
    """Takes a turn and adds what a process and those below it used of the CPU meanwhile."""
    before = tree_cpu_s(pid)
    turn = take()
    return replace(turn, cpu_s=tree_cpu_s(pid) - before)


@dataclass(frozen=True)
class Case:
    """All turns of one contestant at one number of clients, in the order of the rounds."""

    contestant: str
    num_clients: int
    turns: Sequence[Turn]

    @property
    def images_per_s(self) -> float:
        """Returns the median over the rounds."""
        return median([turn.images_per_s for turn in self.turns])

    @property
    def cpu_s_per_image(self) -> float:
        """Returns the median over the rounds."""
        return median([turn.cpu_s_per_image for turn in self.turns])

    @property
    def p99_s(self) -> float:
        """Returns the p99 of all rounds together, nearest rank."""
        return percentile([each for turn in self.turns for each in turn.latencies_s], 99)


def ratio(ours: Case, theirs: Case) -> float:
    """Returns the median of the rounds' own ratios: a round's turns are neighbours in time."""
    pairs = zip(ours.turns, theirs.turns, strict=True)
    return median([our.images_per_s / their.images_per_s for our, their in pairs])
