"""Updates of sequences on their way to one consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import Sequence


class UpdateStream:
    """Delivers the updates of `num_sequences` sequences to one consumer.

    What a slow consumer has not taken is merged, so no more than one update a sequence
    waits. With `text_only` the consumer is not woken for tokens, behind a sequence's first,
    that complete no text: they come with the next thing that there is to tell.
    """

    def __init__(self, num_sequences: int = 1, *, text_only: bool = False) -> None:
        self._num_unfinished = num_sequences
        self._text_only = text_only
        self._begun: set[Sequence] = set()
        self._pending: dict[Sequence, SequenceUpdate] = {}
        self._arrived = False
        # A future costs half of what an event does, and there is one wait a token.
        self._waiter: asyncio.Future[None] | None = None

    def put(self, update: SequenceUpdate) -> None:
        """Adds an update; on the event loop only."""
        earlier = self._pending.setdefault(update.sequence, update)
        if earlier is not update:
            earlier.extend(update)
        if self._tells_something(update):
            self._wake()

    def _tells_something(self, update: SequenceUpdate) -> bool:
        if not self._text_only or update.sequence not in self._begun:
            if update.token_ids:
                self._begun.add(update.sequence)
            return True
        has_text = update.text or update.reasoning or update.logprobs
        return bool(has_text or update.ended or not update.token_ids)

    def _wake(self) -> None:
        self._arrived = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        if not self._arrived:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._arrived = False

    async def updates(self) -> AsyncIterator[SequenceUpdate]:
        """Yields updates until all sequences have ended; each one's last has a `finish`.

        Raises the error that ended a sequence, after the updates before it.
        """
        while self._num_unfinished:
            await self._wait()
            arrived, self._pending = self._pending, {}
            for update in arrived.values():
                if update.error is None or update.token_ids:
                    yield update
                if update.error is not None:
                    raise update.error
                self._num_unfinished -= update.finish is not None
