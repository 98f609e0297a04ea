"""Whether the tower computes, as its own thread shows it and others may ask."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sightline_common.errors import NotReadyError

_logger = logging.getLogger(__name__)


class TowerHealth:
    """Notices a tower that hangs in a layer, or fails on everything.

    The tower's threads call all but `check`, which is for any thread.
    """

    def __init__(self, layer_limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_failing = False
        self._layer_limit_s = layer_limit_s
        self._clock = clock
        self._beats: dict[int, float] = {}

    @contextmanager
    def working(self) -> Iterator[None]:
        """Expects a beat from now on, and none after the block."""
        self.beat()
        try:
            yield
        finally:
            del self._beats[threading.get_ident()]

    def beat(self) -> None:
        """Notes that a layer was computed."""
        self._beats[threading.get_ident()] = self._clock()

    def note_failure(self, try_out: Callable[[], None]) -> None:
        """Finds out whose failure one was: the tower's, if trying it out fails as well."""
        try:
            with self.working():
                try_out()
        except Exception as error:
            _logger.error("the tower fails on everything", exc_info=error)
            self.is_failing = True
        else:
            self.is_failing = False

    @property
    def is_hanging(self) -> bool:
        """Whether a layer, or the wait for its device, has taken too long."""
        now = self._clock()
        return any(now - beat > self._layer_limit_s for beat in tuple(self._beats.values()))

    def check(self) -> None:
        """Raises NotReadyError for a tower that hangs or fails."""
        if self.is_hanging or self.is_failing:
            fault = "hangs" if self.is_hanging else "fails on every picture"
            raise NotReadyError(
                f"The vision tower {fault}; restart the encoder.", retry_after_s=10.0
            )
