"""Random tokens from logits, one of each row, by temperature, top_k, top_p and min_p."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence as Rows
from typing import NamedTuple

import torch

from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.transfer import upload


class DrawParams(NamedTuple):
    """Gives every row's parameters and its random number in [0, 1), [num_seqs, 1] float64."""

    temperature: torch.Tensor
    top_k: torch.Tensor
    top_p: torch.Tensor
    min_p: torch.Tensor
    uniform: torch.Tensor

    @classmethod
    def of(cls, sequences: Rows[Sequence], device: torch.device) -> DrawParams:
        values = upload([_values(sequence) for sequence in sequences], torch.float64, device)
        return cls(*values.chunk(5, dim=-1))

    def rows(self, start: int, end: int) -> DrawParams:
        """Returns the parameters of some consecutive rows."""
        return DrawParams(*(column[start:end] for column in self))


def _values(sequence: Sequence) -> list[float]:
    sampling = sequence.sampling
    limits = [sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p]
    return [*limits, uniform(sequence)]


def uniform(sequence: Sequence) -> float:
    """Returns a number in [0, 1) that depends on seed and place in the answer alone."""
    key = struct.pack("<qQ", sequence.sampling.seed, sequence.num_generated_tokens)
    (bits,) = struct.unpack("<Q", hashlib.blake2b(key, digest_size=8).digest())
    return float(bits >> 11) / float(1 << 53)


def draw_from_best(
    logits: torch.Tensor, params: DrawParams, num_candidates: int, *, limited: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws among the likeliest tokens after temperature, then top_k, top_p and min_p.

    Returns token ids [num_seqs], and whether the candidates sufficed [num_seqs, 1]: not when
    `top_p` may reach beyond them. `limited` promises that every row has a top_k.
    """
    best, token_ids = logits.topk(num_candidates, dim=-1)
    values = best.double() / params.temperature
    has_top_k = params.top_k > 0
    rank = torch.arange(num_candidates, device=logits.device)
    values = values.masked_fill(has_top_k & (rank >= params.top_k), -torch.inf)
    total = values.logsumexp(-1, keepdim=True)
    if not limited:
        everything = (logits.double() / params.temperature).logsumexp(-1, keepdim=True)
        total = torch.where(has_top_k, total, everything)
    probs = (values - total).exp()
    reached = probs.cumsum(-1)
    dropped = (reached - probs >= params.top_p) | (probs < params.min_p * probs[:, :1])
    # The likeliest token always stays.
    dropped[:, :1].zero_()
    chosen = _place(probs.masked_fill(dropped, 0.0), params)
    sufficient = has_top_k | (reached[:, -1:] >= params.top_p) | dropped[:, -1:]
    return token_ids.gather(-1, chosen)[:, 0], sufficient


def draw_ranked_from_all(logits: torch.Tensor, params: DrawParams) -> torch.Tensor:
    """Draws as `draw_from_best` does among all tokens."""
    token_ids, _sufficient = draw_from_best(logits, params, logits.shape[-1])
    return token_ids


def draw_from_all(logits: torch.Tensor, params: DrawParams) -> torch.Tensor:
    """Draws after temperature and min_p, without ranking the vocabulary."""
    scaled = logits.double() / params.temperature
    weights = (scaled - scaled.amax(-1, keepdim=True)).exp()
    return _place(weights.masked_fill(weights < params.min_p, 0.0), params)[:, 0]


def _place(weights: torch.Tensor, params: DrawParams) -> torch.Tensor:
    """Returns where each row's random number falls among its weights, [num_seqs, 1]."""
    cumulative = weights.cumsum(-1)
    drawn = params.uniform * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, drawn, right=True)
    return place.clamp(max=weights.shape[-1] - 1)
