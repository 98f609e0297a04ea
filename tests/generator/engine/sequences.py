"""Sequences without a model behind them."""

from __future__ import annotations

import torch
from sightline_generator.engine.sequence import SamplingParams, Sequence
from sightline_generator.engine.stop import StopParams, TextPiece


class SpellingReader:
    """Reads token n as the letter n."""

    num_reasoning_tokens = 0

    def push(self, token_id: int) -> TextPiece:
        return TextPiece(chr(token_id))

    def flush(self) -> TextPiece:
        return TextPiece()


def make_sequence(
    num_prompt_tokens: int = 4, max_tokens: int = 8, reader=None, tokens=None, **fields: object
) -> Sequence:
    tokens = [ord("p")] * num_prompt_tokens if tokens is None else tokens
    fields.setdefault("stop", StopParams(max_tokens))
    fields.setdefault("sampling", SamplingParams())
    return Sequence(
        prompt_token_ids=tokens,
        position_ids=torch.arange(len(tokens)).expand(3, -1),
        position_delta=0,
        reader=reader or SpellingReader(),
        **fields,
    )
