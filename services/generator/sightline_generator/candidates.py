"""The answers to one prompt, computed side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import count

from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.stop import Finish
from sightline_generator.engine.update_stream import UpdateStream


class Candidates:
    """Sequences with one prompt: the first computes it, the others follow and share its blocks.

    `finishes` holds a finish for each one that has ended.
    """

    def __init__(self, sequences: list[Sequence]) -> None:
        self.first = sequences[0]
        self.finishes: dict[int, Finish] = {}
        self._indices = dict(zip(sequences, count()))

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self._indices)

    async def updates(
        self, engine: AsyncEngine, deadline: float | None, held: ExitStack, *, text_only: bool
    ) -> AsyncIterator[tuple[int, SequenceUpdate]]:
        """Yields updates and the indices of their candidates, until all have ended.

        Closing `held` ends those that are left. With `text_only` what completes no text may come
        with a later update. Raises the error that ended one.
        """
        stream = UpdateStream(len(self._indices), text_only=text_only)
        waiting = list(self._indices)

        def submit(num_sequences: int) -> None:
            for sequence in waiting[:num_sequences]:
                engine.submit(sequence, deadline, stream)
                held.callback(engine.cancel, sequence)
            del waiting[:num_sequences]

        submit(1)
        async for update in stream.updates():
            if update.token_ids:
                submit(len(waiting))
            index = self._indices[update.sequence]
            if update.finish is not None:
                self.finishes[index] = update.finish
            yield index, update
