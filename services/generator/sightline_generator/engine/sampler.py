"""Logits to token ids, vectorised over the batch."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from collections.abc import Sequence as Rows
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch

from sightline_generator.engine.penalties import TokenHistory, penalise
from sightline_generator.engine.sequence import SamplingParams, Sequence

GREEDY_BELOW = 1e-5
"""Temperatures under this are greedy: dividing by them would overflow."""
NUM_CANDIDATES = 256
"""So many likeliest tokens are ranked first; only when `top_p` reaches further are all."""


class TokenLogprob(NamedTuple):
    """Gives a token's natural log probability and its likeliest alternatives."""

    token_id: int
    logprob: float
    alternatives: tuple[tuple[int, float], ...]


class SampledToken(NamedTuple):
    """Holds a chosen token, with its log probability when that is wanted."""

    token_id: int
    logprob: TokenLogprob | None


class Sampler:
    """Chooses the next token of every sequence of a batch.

    A sampled token depends on its sequence's logits, seed, and place in the answer
    alone, so company in the batch and preemption change nothing.
    """

    def __init__(self, num_candidates: int = NUM_CANDIDATES) -> None:
        self._num_candidates = num_candidates
        self._histories: WeakKeyDictionary[Sequence, TokenHistory] = WeakKeyDictionary()

    @torch.inference_mode()
    def sample(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[SampledToken]:
        """Returns a token for each row of `logits` [num_seqs, vocabulary_size]."""
        adjusted = self._adjusted(logits, sequences)
        token_ids = adjusted.argmax(dim=-1)
        for choose, wanted in ((self._draw_ranked, _ranked), (_draw_from_all, _unranked)):
            rows = _rows(sequences, wanted)
            if rows:
                token_ids[rows] = choose(adjusted[rows], [sequences[row] for row in rows])
        chosen = token_ids.tolist()
        return list(map(SampledToken, chosen, _logprobs(logits, chosen, sequences)))

    def _adjusted(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        penalised = _rows(sequences, lambda sequence: sequence.sampling.penalised)
        edited = _rows(sequences, _edits_logits)
        if not penalised and not edited:
            return logits
        adjusted = logits.clone()
        if penalised:
            penalise(adjusted, {row: self._history(sequences[row]) for row in penalised})
        for row in edited:
            _edit(adjusted[row], sequences[row])
        return adjusted

    def _history(self, sequence: Sequence) -> TokenHistory:
        history = self._histories.get(sequence)
        if history is None:
            history = self._histories[sequence] = TokenHistory(sequence)
        history.catch_up(sequence.token_ids)
        return history

    def _draw_ranked(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        """Draws after temperature, then top_k, top_p and min_p."""
        vocabulary_size = logits.shape[-1]
        limits = [sequence.sampling.top_k or self._num_candidates for sequence in sequences]
        num_candidates = min(max(limits), vocabulary_size)
        token_ids, sufficient = _draw_from_best(logits, sequences, num_candidates)
        if not sufficient:
            token_ids, _sufficient = _draw_from_best(logits, sequences, vocabulary_size)
        return token_ids


def _rows(sequences: Rows[Sequence], wanted: Callable[[Sequence], bool]) -> list[int]:
    return [row for row, sequence in enumerate(sequences) if wanted(sequence)]


def _ranked(sequence: Sequence) -> bool:
    """Tells whether a token is drawn by its place among the likeliest."""
    sampling = sequence.sampling
    return sampling.temperature >= GREEDY_BELOW and (sampling.top_k > 0 or sampling.top_p < 1)


def _unranked(sequence: Sequence) -> bool:
    return sequence.sampling.temperature >= GREEDY_BELOW and not _ranked(sequence)


def _edits_logits(sequence: Sequence) -> bool:
    return bool(sequence.sampling.logit_bias) or _is_early(sequence)


def _is_early(sequence: Sequence) -> bool:
    return sequence.num_generated_tokens + 1 < sequence.stop.min_tokens


def _edit(row: torch.Tensor, sequence: Sequence) -> None:
    """Adds the bias to a row of logits and rules out an end that is too early, in place."""
    bias = sequence.sampling.logit_bias
    if bias:
        values = torch.tensor(list(bias.values()), dtype=row.dtype, device=row.device)
        row[list(bias)] += values
    if _is_early(sequence):
        row[list(sequence.stop.token_ids)] = -torch.inf


def _column(
    logits: torch.Tensor, sequences: Rows[Sequence], value: Callable[[SamplingParams], float]
) -> torch.Tensor:
    values = [value(sequence.sampling) for sequence in sequences]
    return torch.tensor(values, dtype=torch.float64, device=logits.device)[:, None]


def _scaled(logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
    return logits.double() / _column(logits, sequences, lambda params: params.temperature)


def _draw_from_best(
    logits: torch.Tensor, sequences: Rows[Sequence], num_candidates: int
) -> tuple[torch.Tensor, bool]:
    """Draws among the likeliest tokens; False when `top_p` may reach beyond them."""
    scaled = _scaled(logits, sequences)
    total = scaled.logsumexp(-1, keepdim=True)
    values, token_ids = scaled.topk(num_candidates, dim=-1)
    top_k = _column(logits, sequences, lambda params: params.top_k)
    rank = torch.arange(num_candidates, device=logits.device)
    values = values.masked_fill((top_k > 0) & (rank >= top_k), -torch.inf)
    total = torch.where(top_k > 0, values.logsumexp(-1, keepdim=True), total)
    probs = (values - total).exp()
    top_p = _column(logits, sequences, lambda params: params.top_p)
    min_p = _column(logits, sequences, lambda params: params.min_p)
    reached = probs.cumsum(-1)
    dropped = (reached - probs >= top_p) | (probs < min_p * probs[:, :1])
    # The likeliest token always stays.
    dropped[:, 0] = False
    chosen = _place(probs.masked_fill(dropped, 0.0), sequences)
    sufficient = (top_k > 0) | (reached[:, -1:] >= top_p) | dropped[:, -1:]
    return token_ids.gather(-1, chosen)[:, 0], bool(sufficient.all())


def _draw_from_all(logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
    """Draws after temperature and min_p, without ranking the vocabulary."""
    scaled = _scaled(logits, sequences)
    weights = (scaled - scaled.amax(-1, keepdim=True)).exp()
    min_p = _column(logits, sequences, lambda params: params.min_p)
    return _place(weights.masked_fill(weights < min_p, 0.0), sequences)[:, 0]


def _place(weights: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
    """Returns where each row's random number falls among its weights, [num_seqs, 1]."""
    cumulative = weights.cumsum(-1)
    uniforms = [uniform(sequence) for sequence in sequences]
    drawn = torch.tensor(uniforms, dtype=torch.float64, device=weights.device)[:, None]
    place = torch.searchsorted(cumulative, drawn * cumulative[:, -1:], right=True)
    return place.clamp(max=weights.shape[-1] - 1)


def uniform(sequence: Sequence) -> float:
    """Returns a number in [0, 1) that depends on seed and place in the answer alone."""
    key = struct.pack("<qQ", sequence.sampling.seed, sequence.num_generated_tokens)
    (bits,) = struct.unpack("<Q", hashlib.blake2b(key, digest_size=8).digest())
    return float(bits >> 11) / float(1 << 53)


def _logprobs(
    logits: torch.Tensor, token_ids: list[int], sequences: Rows[Sequence]
) -> list[TokenLogprob | None]:
    """Returns log probabilities before temperature and penalties, where wanted."""
    result: list[TokenLogprob | None] = [None] * len(sequences)
    wanted = _rows(sequences, lambda sequence: sequence.sampling.num_logprobs is not None)
    if not wanted:
        return result
    logprobs = logits[wanted].log_softmax(-1)
    chosen = torch.tensor([token_ids[row] for row in wanted], device=logits.device)[:, None]
    own = logprobs.gather(-1, chosen)[:, 0].tolist()
    counts = [sequences[row].sampling.num_logprobs or 0 for row in wanted]
    best = logprobs.topk(max(counts))
    ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    for row, count, logprob, (ids, values) in zip(wanted, counts, own, ranked, strict=True):
        alternatives = tuple(zip(ids[:count], values[:count], strict=True))
        result[row] = TokenLogprob(token_ids[row], logprob, alternatives)
    return result
