"""How often pages are told of growing answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SHORTEST_TICK_S = 0.125
RENDERING_SHARE = 0.35
"""How much of a core rendering for all watchers may take."""
_NEWEST_WEIGHT = 0.05


class Pace:
    """One tick for all watchers, longer the more of them there are and the more rendering costs."""

    def __init__(self) -> None:
        self._num_watchers = 0
        self._cost_s = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Counts one more watcher for as long as it lasts."""
        self._num_watchers += 1
        try:
            yield
        finally:
            self._num_watchers -= 1

    def took(self, seconds: float) -> None:
        """Takes in what one update cost in CPU time: other processes' turns are no cost."""
        self._cost_s += _NEWEST_WEIGHT * (seconds - self._cost_s)

    @property
    def tick_s(self) -> float:
        """How long a watcher rests between two updates."""
        return max(SHORTEST_TICK_S, self._num_watchers * self._cost_s / RENDERING_SHARE)
