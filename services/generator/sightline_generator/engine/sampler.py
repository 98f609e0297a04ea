"""Logits to token ids, vectorised over the batch."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Rows

import torch

from sightline_generator.engine.drawing import (
    DrawParams,
    draw_from_all,
    draw_limited,
    draw_ranked,
    draw_ranked_from_all,
)
from sightline_generator.engine.edits import LogitEdits, is_edited
from sightline_generator.engine.penalties import penalise
from sightline_generator.engine.sampled import Sampled
from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.token_table import TokenTable
from sightline_generator.engine.transfer import upload

GREEDY_BELOW = 1e-5
"""Temperatures under this are greedy: dividing by them would overflow."""
NUM_CANDIDATES = 256
"""So many likeliest tokens are ranked first; only when `top_p` reaches further are all."""
ROWS_TOGETHER = 32
"""So many rows of the whole vocabulary are drawn from at a time, to bound the memory."""


class Sampler:
    """Chooses the next token of every sequence of a batch.

    A sampled token depends on its sequence's logits, seed, and place in the answer
    alone, so company in the batch and preemption change nothing. With `waits` it may ask
    the device whether the likeliest tokens sufficed; otherwise all are ranked where that
    is not certain beforehand.
    """

    def __init__(self, num_candidates: int = NUM_CANDIDATES, *, waits: bool = True) -> None:
        self._num_candidates = num_candidates
        self._waits = waits
        self._tokens = TokenTable()
        self._edits = LogitEdits()

    @torch.inference_mode()
    def sample(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> Sampled:
        """Chooses a token for each row of `logits` [num_seqs, vocabulary_size].

        A row whose logits are not finite disturbs no other.
        """
        adjusted = self._adjusted(logits, sequences)
        token_ids = _likeliest(adjusted)
        if any(map(_is_random, sequences)):
            self._draw(adjusted, sequences, token_ids)
        sampled = Sampled(logits, token_ids, sequences)
        self._remember(token_ids, sequences)
        return sampled

    def _draw(
        self, adjusted: torch.Tensor, sequences: Rows[Sequence], token_ids: torch.Tensor
    ) -> None:
        """Puts drawn tokens in the place of the likeliest, for those who want it."""
        # Apart, so that nobody waits for what another one's sampling takes.
        for draw, wanted in (
            (self._draw_limited, self._is_limited),
            (self._draw_limited, self._is_widely_limited),
            (self._draw_ranked, _is_ranked),
            (self._draw_unranked, _is_unranked),
        ):
            rows = _rows(sequences, wanted)
            if rows:
                index = upload(rows, torch.int64, adjusted.device)
                own = [sequences[row] for row in rows]
                token_ids.index_copy_(0, index, draw(adjusted.index_select(0, index), own))

    def _adjusted(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        rows, edited = _rows(sequences, _penalised), any(map(is_edited, sequences))
        if not rows and not edited:
            return logits
        adjusted = logits.clone()
        if rows:
            index = upload(rows, torch.int64, logits.device)
            own = [sequences[row] for row in rows]
            tokens = self._tokens.take(own, logits.device)
            adjusted.index_copy_(0, index, penalise(logits.index_select(0, index), tokens, own))
        if edited:
            self._edits.apply(adjusted, sequences)
        return adjusted

    def _remember(self, token_ids: torch.Tensor, sequences: Rows[Sequence]) -> None:
        rows = _rows(sequences, _penalised)
        if rows:
            index = upload(rows, torch.int64, token_ids.device)
            self._tokens.append([sequences[row] for row in rows], token_ids.index_select(0, index))

    def _draw_limited(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        most = min(max(seq.sampling.top_k for seq in sequences), logits.shape[-1])
        return draw_limited(logits, DrawParams.of(sequences, logits.device), most)

    def _draw_ranked(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        """Ranks all tokens only for rows whose `top_p` reaches beyond the likeliest."""
        params = DrawParams.of(sequences, logits.device)
        if not self._waits:
            return _in_slices(draw_ranked_from_all, logits, params)
        num_candidates = min(self._num_candidates, logits.shape[-1])
        token_ids, sufficient = draw_ranked(logits, params, num_candidates)
        rows = (~sufficient).nonzero()[:, 0]
        if len(rows):
            rest = _in_slices(draw_ranked_from_all, logits[rows], params.select(rows))
            token_ids.index_copy_(0, rows, rest)
        return token_ids

    def _is_limited(self, sequence: Sequence) -> bool:
        return _is_random(sequence) and 0 < sequence.sampling.top_k <= self._num_candidates

    def _is_widely_limited(self, sequence: Sequence) -> bool:
        return _is_random(sequence) and sequence.sampling.top_k > self._num_candidates

    def _draw_unranked(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        return _in_slices(draw_from_all, logits, DrawParams.of(sequences, logits.device))


def _likeliest(logits: torch.Tensor) -> torch.Tensor:
    """Returns the first of the likeliest tokens of each row."""
    if logits.device.type != "cpu":
        return logits.argmax(dim=-1)
    # NumPy's search uses vectors; torch's takes nine times as long.
    return torch.from_numpy(logits.numpy().argmax(axis=-1))


def _in_slices(
    draw: Callable[[torch.Tensor, DrawParams], torch.Tensor],
    logits: torch.Tensor,
    params: DrawParams,
) -> torch.Tensor:
    starts = range(0, len(logits), ROWS_TOGETHER)
    slices = ((start, start + ROWS_TOGETHER) for start in starts)
    return torch.cat([draw(logits[start:end], params.rows(start, end)) for start, end in slices])


def _rows(sequences: Rows[Sequence], wanted: Callable[[Sequence], bool]) -> list[int]:
    return [row for row, sequence in enumerate(sequences) if wanted(sequence)]


def _penalised(sequence: Sequence) -> bool:
    return sequence.sampling.penalised


def _is_random(sequence: Sequence) -> bool:
    return sequence.sampling.temperature >= GREEDY_BELOW


def _is_ranked(sequence: Sequence) -> bool:
    """Tells whether a token is drawn from as many of the likeliest as `top_p` reaches."""
    sampling = sequence.sampling
    return _is_random(sequence) and sampling.top_k == 0 and sampling.top_p < 1


def _is_unranked(sequence: Sequence) -> bool:
    sampling = sequence.sampling
    return _is_random(sequence) and sampling.top_k == 0 and sampling.top_p >= 1
