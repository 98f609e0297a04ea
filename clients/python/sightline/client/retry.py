"""When to try again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sightline.client.errors import SightlineError


@dataclass(frozen=True)
class RetryPolicy:
    """Bounds how often a request that was not begun is tried again.

    The server's hint is waited for, and up to a quarter more so that clients do not come
    back together; without a hint half a second, then twice as long each time.
    """

    max_attempts: int = 5
    max_wait_s: float = 60.0

    def wait_s(self, error: SightlineError, attempt: int) -> float | None:
        """Returns how long to wait after a failed attempt (from 1); None to give up."""
        if not error.is_passing or attempt >= self.max_attempts:
            return None
        hint = error.retry_after_s
        wait_s = 0.5 * 2 ** (attempt - 1) if hint is None else hint
        if wait_s > self.max_wait_s:
            return None
        return wait_s * random.uniform(1.0, 1.25)
