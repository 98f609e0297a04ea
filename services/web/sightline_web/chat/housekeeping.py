"""What goes by itself: removed conversations, pictures never sent, sessions that are over."""

from __future__ import annotations

import asyncio
import logging

from sightline_web.chat.pictures import Pictures
from sightline_web.store.history import History
from sightline_web.store.records import NotFoundError
from sightline_web.store.sessions import Sessions

INTERVAL_S = 3600.0
RESTORABLE_S = 24 * 3600.0
"""How long a removed conversation can be restored."""
_logger = logging.getLogger(__name__)


class Housekeeping:
    """Tidies up at start and then every hour."""

    def __init__(self, history: History, pictures: Pictures, sessions: Sessions) -> None:
        self._history = history
        self._pictures = pictures
        self._sessions = sessions

    async def run(self) -> None:
        """Goes on until it is cancelled; one failure does not end it."""
        while True:
            try:
                await self.tidy()
            except Exception:
                _logger.exception("housekeeping failed")
            await asyncio.sleep(INTERVAL_S)

    async def tidy(self) -> None:
        await self._sessions.delete_expired()
        await self._pictures.discard_abandoned()
        for owner_id, conversation_id in await self._history.removed_before(RESTORABLE_S):
            try:
                await self._pictures.delete_conversation(owner_id, conversation_id)
            except NotFoundError:
                _logger.info("conversation was purged by another process")
