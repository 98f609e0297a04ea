"""Leaves alone what has just failed, and tries again with one attempt at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sightline_common.telemetry import log

_logger = logging.getLogger(__name__)
FIRST_COOLDOWN_S = 1.0
MAX_COOLDOWN_S = 30.0


class CircuitOpenError(RuntimeError):
    """Means that an attempt was not made, because an earlier one had failed."""


class CircuitBreaker:
    """Closed while attempts succeed; one that fails opens it for a cooldown.

    Then a single attempt probes: its success closes the breaker, its failure doubles
    the cooldown up to `MAX_COOLDOWN_S`. Only the first failure is logged, and the
    recovery. `clock` gives seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._cooldown_s = 0.0
        self._retry_at = 0.0
        self._is_probing = False

    @property
    def is_closed(self) -> bool:
        return not self._cooldown_s

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Watches one attempt; an exception is its failure and goes on to the caller.

        Raises CircuitOpenError in place of the attempt while the breaker is open.
        """
        is_probe = not self.is_closed
        if is_probe:
            self._start_probe()
        try:
            yield
            self._close()
        except Exception as error:
            self._open(is_probe, error)
            raise
        finally:
            if is_probe:
                self._is_probing = False

    def _start_probe(self) -> None:
        if self._is_probing or self._clock() < self._retry_at:
            raise CircuitOpenError(f"{self._name} failed before")
        self._is_probing = True

    def _open(self, is_probe: bool, error: Exception) -> None:
        if self.is_closed:
            log(_logger, f"{self._name} bypassed", logging.WARNING, error=repr(error))
            self._cooldown_s = FIRST_COOLDOWN_S
        elif is_probe:
            self._cooldown_s = min(2 * self._cooldown_s, MAX_COOLDOWN_S)
        else:
            return
        self._retry_at = self._clock() + self._cooldown_s

    def _close(self) -> None:
        if not self.is_closed:
            log(_logger, f"{self._name} used again")
            self._cooldown_s = 0.0
