"""Logits to token ids, vectorised over the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Rows

import torch

from sightline_generator.engine.drawing import (
    DrawParams,
    draw_from_all,
    draw_from_best,
    draw_ranked_from_all,
)
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

    @torch.inference_mode()
    def sample(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> Sampled:
        """Chooses a token for each row of `logits` [num_seqs, vocabulary_size].

        A row whose logits are not finite disturbs no other.
        """
        adjusted = self._adjusted(logits, sequences)
        token_ids = _likeliest(adjusted)
        for draw, wanted in ((self._draw_ranked, _ranked), (self._draw_unranked, _unranked)):
            rows = _rows(sequences, wanted)
            if rows:
                index = upload(rows, torch.int64, logits.device)
                own = [sequences[row] for row in rows]
                token_ids.index_copy_(0, index, draw(adjusted.index_select(0, index), own))
        sampled = Sampled(logits, token_ids, sequences)
        self._remember(token_ids, sequences)
        return sampled

    def _adjusted(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        edits = [_edits(sequence) for sequence in sequences]
        rows = _rows(sequences, _penalised)
        if not rows and not any(edits):
            return logits
        adjusted = logits.clone()
        if rows:
            index = upload(rows, torch.int64, logits.device)
            own = [sequences[row] for row in rows]
            tokens = self._tokens.take(own, logits.device)
            adjusted.index_copy_(0, index, penalise(logits.index_select(0, index), tokens, own))
        if any(edits):
            _edit(adjusted, edits)
        return adjusted

    def _remember(self, token_ids: torch.Tensor, sequences: Rows[Sequence]) -> None:
        rows = _rows(sequences, _penalised)
        if rows:
            index = upload(rows, torch.int64, token_ids.device)
            self._tokens.append([sequences[row] for row in rows], token_ids.index_select(0, index))

    def _draw_ranked(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        """Draws after temperature, then top_k, top_p and min_p."""
        params = DrawParams.of(sequences, logits.device)
        certain = all(sequence.sampling.top_k > 0 for sequence in sequences)
        if certain or self._waits:
            limits = [sequence.sampling.top_k or self._num_candidates for sequence in sequences]
            num_candidates = min(max(limits), logits.shape[-1])
            token_ids, sufficient = draw_from_best(logits, params, num_candidates, limited=certain)
            if certain or bool(sufficient.all()):
                return token_ids
        return _in_slices(draw_ranked_from_all, logits, params)

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


def _ranked(sequence: Sequence) -> bool:
    """Tells whether a token is drawn by its place among the likeliest."""
    sampling = sequence.sampling
    return sampling.temperature >= GREEDY_BELOW and (sampling.top_k > 0 or sampling.top_p < 1)


def _unranked(sequence: Sequence) -> bool:
    return sequence.sampling.temperature >= GREEDY_BELOW and not _ranked(sequence)


def _edits(sequence: Sequence) -> Mapping[int, float]:
    """Returns what is added to single logits: the bias, and what rules out an early end."""
    if not _is_early(sequence):
        return sequence.sampling.logit_bias
    return {**sequence.sampling.logit_bias, **dict.fromkeys(sequence.stop.token_ids, -torch.inf)}


def _is_early(sequence: Sequence) -> bool:
    return (
        sequence.stop.min_tokens > 0
        and sequence.num_generated_tokens + 1 < sequence.stop.min_tokens
    )


def _edit(logits: torch.Tensor, edits: Rows[Mapping[int, float]]) -> None:
    """Adds every row's values to its logits, in place."""
    places = [(row, token_id) for row, own in enumerate(edits) for token_id in own]
    values = [value for own in edits for value in own.values()]
    rows, token_ids = upload(places, torch.int64, logits.device).unbind(-1)
    added = logits[rows, token_ids] + upload(values, logits.dtype, logits.device)
    logits.index_put_((rows, token_ids), added)
