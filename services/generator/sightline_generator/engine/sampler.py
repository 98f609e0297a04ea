"""Logits to token ids, vectorised over the batch."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch

from sightline_generator.engine.sequence import SamplingParams, Sequence

GREEDY_BELOW = 1e-5
"""Temperatures under this are greedy: dividing by them would overflow."""


class TokenLogprob(NamedTuple):
    """Gives a token's natural log probability and its likeliest alternatives."""

    token_id: int
    logprob: float
    alternatives: tuple[tuple[int, float], ...]


class SampledToken(NamedTuple):
    """Holds a chosen token, with its log probability when that is wanted."""

    token_id: int
    logprob: TokenLogprob | None


@dataclass
class TokenHistory:
    """Counts a sequence's tokens, for penalties: `seen` with the prompt, `counts` without."""

    seen: torch.Tensor
    counts: torch.Tensor
    num_tokens: int

    @classmethod
    def of(cls, sequence: Sequence, like: torch.Tensor) -> TokenHistory:
        """Starts with a sequence's prompt; `like` is a row of logits."""
        seen = torch.zeros_like(like, dtype=torch.bool)
        seen[torch.tensor(sequence.prompt_token_ids, device=like.device)] = True
        return cls(seen, torch.zeros_like(like), sequence.num_prompt_tokens)

    def catch_up(self, token_ids: list[int]) -> None:
        """Counts the tokens that came since the last call."""
        for token_id in token_ids[self.num_tokens :]:
            self.seen[token_id] = True
            self.counts[token_id] += 1
        self.num_tokens = len(token_ids)


class Sampler:
    """Chooses the next token of every sequence of a batch.

    A sampled token depends on its sequence's logits, seed, and place in the answer
    alone, so company in the batch and preemption change nothing.
    """

    def __init__(self) -> None:
        self._histories: WeakKeyDictionary[Sequence, TokenHistory] = WeakKeyDictionary()

    @torch.inference_mode()
    def sample(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> list[SampledToken]:
        """Returns a token for each row of `logits` [num_seqs, vocabulary_size]."""
        adjusted = self._adjusted(logits, sequences)
        token_ids = adjusted.argmax(dim=-1)
        random_rows = [
            row
            for row, sequence in enumerate(sequences)
            if sequence.sampling.temperature >= GREEDY_BELOW
        ]
        if random_rows:
            chosen = _draw(adjusted[random_rows], [sequences[row] for row in random_rows])
            token_ids[random_rows] = chosen
        logprobs = _logprobs(logits, token_ids, sequences)
        return list(map(SampledToken, token_ids.tolist(), logprobs))

    def _adjusted(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
        changed = [row for row, sequence in enumerate(sequences) if _changes_logits(sequence)]
        if not changed:
            return logits
        adjusted = logits.clone()
        for row in changed:
            self._adjust(adjusted[row], sequences[row])
        return adjusted

    def _adjust(self, row: torch.Tensor, sequence: Sequence) -> None:
        """Changes a row of logits in place."""
        if sequence.sampling.penalised:
            _penalise(row, self._history(sequence, row), sequence.sampling)
        bias = sequence.sampling.logit_bias
        if bias:
            values = torch.tensor(list(bias.values()), dtype=row.dtype, device=row.device)
            row[list(bias)] += values
        if sequence.num_generated_tokens + 1 < sequence.stop.min_tokens:
            row[list(sequence.stop.token_ids)] = -torch.inf

    def _history(self, sequence: Sequence, row: torch.Tensor) -> TokenHistory:
        history = self._histories.get(sequence)
        if history is None:
            history = self._histories[sequence] = TokenHistory.of(sequence, row)
        history.catch_up(sequence.token_ids)
        return history


def _changes_logits(sequence: Sequence) -> bool:
    sampling = sequence.sampling
    early = sequence.num_generated_tokens + 1 < sequence.stop.min_tokens
    return sampling.penalised or bool(sampling.logit_bias) or early


def _penalise(row: torch.Tensor, history: TokenHistory, sampling: SamplingParams) -> None:
    """Applies the penalties in place.

    Repetition as in CTRL (Keskar et al., 2019): divides positive logits and multiplies
    negative ones; presence and frequency as in OpenAI's API.
    """
    penalty = sampling.repetition_penalty
    repeated = torch.where(row > 0, row / penalty, row * penalty)
    row.copy_(torch.where(history.seen, repeated, row))
    row -= sampling.frequency_penalty * history.counts
    row -= sampling.presence_penalty * (history.counts > 0)


def _draw(logits: torch.Tensor, sequences: Rows[Sequence]) -> torch.Tensor:
    """Draws from each row after temperature, then top_k, top_p and min_p."""
    sampling = [sequence.sampling for sequence in sequences]

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, device=logits.device)[:, None]

    vocabulary_size = logits.shape[-1]
    top_k = [min(params.top_k or vocabulary_size, vocabulary_size) for params in sampling]
    scaled = logits.double() / column([params.temperature for params in sampling])
    values, token_ids = scaled.topk(max(top_k), dim=-1)
    rank = torch.arange(max(top_k), device=logits.device)
    probs = values.masked_fill(rank >= column([float(k) for k in top_k]), -torch.inf).softmax(-1)
    before = probs.cumsum(-1) - probs
    dropped = (before >= column([params.top_p for params in sampling])) | (
        probs < column([params.min_p for params in sampling]) * probs[:, :1]
    )
    # The likeliest token always stays.
    dropped[:, 0] = False
    cumulative = probs.masked_fill(dropped, 0.0).cumsum(-1)
    threshold = column([uniform(sequence) for sequence in sequences]) * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, threshold, right=True)
    return token_ids.gather(-1, place.clamp(max=max(top_k) - 1))[:, 0]


def uniform(sequence: Sequence) -> float:
    """Returns a number in [0, 1) that depends on seed and place in the answer alone."""
    key = struct.pack("<qQ", sequence.sampling.seed, sequence.num_generated_tokens)
    (bits,) = struct.unpack("<Q", hashlib.blake2b(key, digest_size=8).digest())
    return float(bits >> 11) / float(1 << 53)


def _logprobs(
    logits: torch.Tensor, token_ids: torch.Tensor, sequences: Rows[Sequence]
) -> list[TokenLogprob | None]:
    """Returns log probabilities before temperature and penalties, where wanted."""
    return [
        None
        if sequence.sampling.num_logprobs is None
        else _row_logprob(row.log_softmax(-1), int(token_id), sequence.sampling.num_logprobs)
        for row, token_id, sequence in zip(logits, token_ids, sequences, strict=True)
    ]


def _row_logprob(logprobs: torch.Tensor, token_id: int, num_alternatives: int) -> TokenLogprob:
    values, ids = logprobs.topk(num_alternatives)
    alternatives = tuple(zip(ids.tolist(), values.tolist(), strict=True))
    return TokenLogprob(token_id, float(logprobs[token_id]), alternatives)
