"""Updates of sequences on their way to one consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import Sequence


class UpdateStream:
    """Delivers the updates of `num_sequences` sequences to one consumer.

    What a slow consumer has not taken is merged, so no more than one update a sequence
    waits.
    """

    def __init__(self, num_sequences: int = 1) -> None:
        self._num_unfinished = num_sequences
        self._pending: dict[Sequence, SequenceUpdate] = {}
        self._arrived = asyncio.Event()

    def put(self, update: SequenceUpdate) -> None:
        """Adds an update; on the event loop only."""
        earlier = self._pending.setdefault(update.sequence, update)
        if earlier is not update:
            earlier.extend(update)
        self._arrived.set()

    async def updates(self) -> AsyncIterator[SequenceUpdate]:
        """Yields updates until all sequences have ended; each one's last has a `finish`.

        Raises the error that ended a sequence, after the updates before it.
        """
        while self._num_unfinished:
            await self._arrived.wait()
            self._arrived.clear()
            arrived, self._pending = self._pending, {}
            for update in arrived.values():
                if update.error is None or update.token_ids:
                    yield update
                if update.error is not None:
                    raise update.error
                self._num_unfinished -= update.finish is not None
