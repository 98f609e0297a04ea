"""How many requests may wait for features that memory does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sightline_common.errors import QueueFullError


class WaitingRoom:
    """Bounds by count what `UploadBudget` bounds by bytes: tiny files are requests too.

    Whatever a request waits for counts: a look-up, another's upload, its own, a computation.
    """

    def __init__(self, max_waiting: int) -> None:
        self.num_waiting = 0
        self._max_waiting = max_waiting

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Counts a request while it waits; raises QueueFullError when there are enough."""
        if self.num_waiting >= self._max_waiting:
            raise QueueFullError(
                "As many requests wait for features as the encoder accepts; try again.",
                retry_after_s=2.0,
            )
        self.num_waiting += 1
        try:
            yield
        finally:
            self.num_waiting -= 1
