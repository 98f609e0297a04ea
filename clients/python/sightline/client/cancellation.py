"""Ending a call from any thread, whatever it is at."""

from __future__ import annotations

import threading
from typing import Protocol, TypeVar

from sightline.client.errors import cancelled_error


class Cancellable(Protocol):
    """A call, a task, or whatever else can be told to end."""

    def cancel(self) -> object: ...


CancellableT = TypeVar("CancellableT", bound=Cancellable)


class Cancellation:
    """Ends what is under way and lets nothing follow, once any thread asks for it."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._current: Cancellable | None = None

    @property
    def is_asked(self) -> bool:
        """Whether somebody asked for it."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ends what is under way, now and from now on."""
        self._asked.set()
        self.hang_up()

    def hang_up(self) -> None:
        """Ends what is under way."""
        if self._current is not None:
            self._current.cancel()

    def follow(self, current: CancellableT) -> CancellableT:
        """Returns what is under way from now on; it is cancelled at once if that was asked for."""
        # Noted before the question, while `ask` answers before it looks: one of the two sees.
        self._current = current
        if self.is_asked:
            current.cancel()
        return current

    def sleep(self, time_s: float) -> None:
        """Waits; raises CallCancelledError as soon as, and whenever, somebody asked for it."""
        if self._asked.wait(time_s):
            raise cancelled_error()
