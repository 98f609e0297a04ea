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

    def select(self, rows: torch.Tensor) -> DrawParams:
        """Returns the parameters of the rows that an index names."""
        return DrawParams(*(column[rows] for column in self))


def _values(sequence: Sequence) -> list[float]:
    sampling = sequence.sampling
    limits = [sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p]
    return [*limits, uniform(sequence)]


def uniform(sequence: Sequence) -> float:
    """Returns a number in [0, 1) that depends on seed and place in the answer alone."""
    key = struct.pack("<qQ", sequence.sampling.seed, sequence.num_generated_tokens)
    (bits,) = struct.unpack("<Q", hashlib.blake2b(key, digest_size=8).digest())
    return float(bits >> 11) / float(1 << 53)


def draw_limited(logits: torch.Tensor, params: DrawParams, most: int) -> torch.Tensor:
    """Draws after temperature, top_k, top_p and min_p, where no row's top_k exceeds `most`."""
    best, token_ids = logits.topk(most, dim=-1)
    rank = torch.arange(most, device=logits.device)
    values = (best.double() / params.temperature).masked_fill(rank >= params.top_k, -torch.inf)
    probs = values.softmax(-1)
    return _chosen(probs, _dropped(probs, params), token_ids, params)


def draw_ranked(
    logits: torch.Tensor, params: DrawParams, num_candidates: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws among the likeliest tokens after temperature, then top_p and min_p.

    Returns token ids [num_seqs], and whether the candidates sufficed [num_seqs]: not when
    `top_p` may reach beyond them.
    """
    best, token_ids = logits.topk(num_candidates, dim=-1)
    everything = (logits.double() / params.temperature).logsumexp(-1, keepdim=True)
    probs = (best.double() / params.temperature - everything).exp()
    dropped = _dropped(probs, params)
    sufficient = (probs.sum(-1, keepdim=True) >= params.top_p) | dropped[:, -1:]
    return _chosen(probs, dropped, token_ids, params), sufficient[:, 0]


def draw_ranked_from_all(logits: torch.Tensor, params: DrawParams) -> torch.Tensor:
    """Draws as `draw_ranked` does among all tokens."""
    token_ids, _sufficient = draw_ranked(logits, params, logits.shape[-1])
    return token_ids


def _dropped(probs: torch.Tensor, params: DrawParams) -> torch.Tensor:
    """Tells which of some ranked tokens top_p and min_p leave out; never the likeliest."""
    before = probs.cumsum(-1) - probs
    dropped = (before >= params.top_p) | (probs < params.min_p * probs[:, :1])
    dropped[:, :1].zero_()
    return dropped


def _chosen(
    probs: torch.Tensor, dropped: torch.Tensor, token_ids: torch.Tensor, params: DrawParams
) -> torch.Tensor:
    return token_ids.gather(-1, _place(probs.masked_fill(dropped, 0.0), params))[:, 0]


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
