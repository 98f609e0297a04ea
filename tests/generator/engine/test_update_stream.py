"""Updates on their way to a consumer: nothing is lost, and nobody is woken for nothing."""

from __future__ import annotations

import asyncio

import torch
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import SamplingParams, Sequence
from sightline_generator.engine.stop import Finish, FinishReason, StopParams, TextPiece
from sightline_generator.engine.update_stream import UpdateStream


class _Silent:
    num_reasoning_tokens = 0

    def push(self, token_id: int) -> TextPiece:
        return TextPiece()

    def flush(self) -> TextPiece:
        return TextPiece()


def sequence() -> Sequence:
    positions = torch.zeros(3, 1, dtype=torch.int64)
    return Sequence([1], positions, 0, SamplingParams(), StopParams(8), _Silent())


async def wakes(stream: UpdateStream, updates: list[SequenceUpdate]) -> list[list[int]]:
    """Puts updates one by one; returns the token ids that came at each waking."""
    seen: list[list[int]] = []

    async def read() -> None:
        async for update in stream.updates():
            seen.append(update.token_ids)

    reading = asyncio.create_task(read())
    for update in updates:
        stream.put(update)
        for _ in range(3):
            await asyncio.sleep(0)
    await reading
    return seen


def written(*, text_only: bool) -> list[list[int]]:
    owner = sequence()
    updates = [
        SequenceUpdate(owner, started=True),
        SequenceUpdate(owner, token_ids=[1]),
        SequenceUpdate(owner, token_ids=[2]),
        SequenceUpdate(owner, token_ids=[3], text="a"),
        SequenceUpdate(owner, token_ids=[4]),
        SequenceUpdate(owner, token_ids=[5], finish=Finish(FinishReason.STOP)),
    ]
    return asyncio.run(wakes(UpdateStream(text_only=text_only), updates))


def test_each_update_wakes_who_wants_every_token() -> None:
    assert written(text_only=False) == [[], [1], [2], [3], [4], [5]]


def test_tokens_without_text_come_with_the_next_that_has_some() -> None:
    assert written(text_only=True) == [[], [1], [2, 3], [4, 5]]
