"""A sequence's updates on their way to one consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sightline_generator.engine.engine import SequenceUpdate


class UpdateStream:
    """Delivers a sequence's updates to one consumer.

    What a slow consumer has not taken is merged, so no more than one update waits.
    """

    def __init__(self) -> None:
        self._pending: SequenceUpdate | None = None
        self._arrived = asyncio.Event()

    def put(self, update: SequenceUpdate) -> None:
        """Adds an update; on the event loop only."""
        if self._pending is None:
            self._pending = update
        else:
            self._pending.extend(update)
        self._arrived.set()

    async def updates(self) -> AsyncIterator[SequenceUpdate]:
        """Yields updates until the sequence ends; the last one has a `finish`.

        Raises the error that ended the sequence, after the updates before it.
        """
        while True:
            update = await self._next()
            if update.error is None or update.token_ids:
                yield update
            if update.error is not None:
                raise update.error
            if update.finish is not None:
                return

    async def _next(self) -> SequenceUpdate:
        await self._arrived.wait()
        self._arrived.clear()
        update, self._pending = self._pending, None
        assert update is not None, "the event was set without an update"
        return update
