"""What running answers have so far, kept for the case that this process ends."""

from __future__ import annotations

import asyncio
import logging

from sightline_web.chat.answer_job import AnswerJob
from sightline_web.store.conversations import ConversationStore

SAVE_INTERVAL_S = 2.0
_logger = logging.getLogger(__name__)


class PartialAnswers:
    """Saves all that have grown together, so that hundreds of them are one transaction.

    No answer waits for the database while it grows.
    """

    def __init__(self, store: ConversationStore) -> None:
        self._store = store
        self._grown: dict[str, tuple[str, AnswerJob]] = {}
        self._saving = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def grew(self, owner_id: str, job: AnswerJob) -> None:
        """Has a job's message saved within `SAVE_INTERVAL_S`, in the form that it has then."""
        self._grown[job.id] = (owner_id, job)
        if self._task is None:
            self._task = asyncio.create_task(self._save_later())

    async def forget(self, message_id: str) -> None:
        """After this nothing writes an earlier form of a message over a later one."""
        self._grown.pop(message_id, None)
        async with self._saving:
            pass

    async def close(self) -> None:
        """Saves no more."""
        async with self._saving:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])

    async def _save_later(self) -> None:
        await asyncio.sleep(SAVE_INTERVAL_S)
        async with self._saving:
            self._task = None
            grown, self._grown = list(self._grown.values()), {}
            if grown:
                await self._save(grown)

    async def _save(self, grown: list[tuple[str, AnswerJob]]) -> None:
        try:
            await self._store.save_answers([(owner_id, job.message) for owner_id, job in grown])
        except Exception:
            _logger.exception("partial answers not saved")
