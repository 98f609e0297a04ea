"""One answer that is being generated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sightline_web.markdown.growth import GrowingText
from sightline_web.store.records import INTERRUPTED, Message, MessageStatus


class AnswerJob:
    """One running answer, which grows until it `is_finished`.

    Tokens come far more often than anybody looks: `message` is put together when it is asked
    for, and only who waits is woken. `growing` is what pages that watch share.
    """

    def __init__(self, message: Message) -> None:
        self.growing = GrowingText()
        self.version = 0
        self.stop_reason = INTERRUPTED
        self.is_ending = False  # nothing more comes; too late to stop
        self.finished = asyncio.Event()
        self._message = message
        self._newest: Callable[[], Message] | None = None
        self._changed: asyncio.Event | None = None

    @property
    def id(self) -> str:
        return self._message.id

    @property
    def message(self) -> Message:
        """What has arrived so far; what cannot be put together is tried once only."""
        newest, self._newest = self._newest, None
        if newest is not None:
            self._message = newest()
        return self._message

    @property
    def is_finished(self) -> bool:
        return self._message.status is not MessageStatus.RUNNING

    async def changed_since(self, version: int) -> None:
        """Waits until the answer has another version than this one."""
        if self.version == version:
            self._changed = self._changed or asyncio.Event()
            await self._changed.wait()

    def grew(self, newest: Callable[[], Message]) -> None:
        """Takes in that more has arrived, and what puts it together."""
        self._newest = newest
        self._is_new()

    def end(self, status: MessageStatus, reason: str) -> None:
        self._message = replace(self.message, status=status, reason=reason)
        self._is_new()
        self.finished.set()

    def _is_new(self) -> None:
        self.version += 1
        if self._changed is not None:
            self._changed.set()
            self._changed = None
