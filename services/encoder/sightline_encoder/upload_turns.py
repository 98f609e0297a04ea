"""Who sends a file that several ask about: one of them, while the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 2.0
"""How long others wait for somebody's upload before one of them sends the file as well."""


class UploadTurns:
    """Remembers by key whose upload is going on; for one event loop.

    In a loop: ask for the features; while they are missing and `waited` is true, ask again;
    then `begin`. A sender that fails or leaves makes room for the next one.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._latest: dict[str, Turn] = {}

    async def waited(self, key: str) -> bool:
        """Waits while another sends the file; false if none does, or the latest takes too long."""
        turn = self._latest.get(key)
        if turn is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                await turn.has_ended.wait()
        return self._latest.get(key) is not turn

    @contextmanager
    def begin(self, key: str) -> Iterator[Turn]:
        """Makes the caller the latest sender until the block or its turn ends."""
        turn = self._latest[key] = Turn(lambda: self._forget(key, turn))
        try:
            yield turn
        finally:
            turn.end()

    def _forget(self, key: str, turn: Turn) -> None:
        if self._latest.get(key) is turn:
            del self._latest[key]


class Turn:
    """Somebody's time to send a file."""

    def __init__(self, forget: Callable[[], None]) -> None:
        self.has_ended = asyncio.Event()
        self._forget = forget

    def end(self) -> None:
        """Lets those go on who wait."""
        self._forget()
        self.has_ended.set()
