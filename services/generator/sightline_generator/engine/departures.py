"""How soon a full server will have room again."""

from __future__ import annotations

MEMORY = 0.8
"""The weight of earlier departures against the last one."""
FIRST_GUESS_S = 1.0
MAX_INTERVAL_S = 10.0
"""What is longer was idleness rather than work."""
MIN_RETRY_S, MAX_RETRY_S = 0.5, 60.0


class Departures:
    """Learns from the moments at which requests leave; times are handed in, in seconds."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._interval_s: float | None = None

    def observe(self, now_s: float) -> None:
        """Takes notice that a request left."""
        if self._last_s is not None:
            interval_s = min(now_s - self._last_s, MAX_INTERVAL_S)
            before_s = interval_s if self._interval_s is None else self._interval_s
            self._interval_s = MEMORY * before_s + (1.0 - MEMORY) * interval_s
        self._last_s = now_s

    def retry_after_s(self, num_requests: int) -> float:
        """Returns about when half of so many requests will have left."""
        if self._interval_s is None:
            return FIRST_GUESS_S
        return min(max(self._interval_s * num_requests / 2, MIN_RETRY_S), MAX_RETRY_S)
