"""Chosen tokens on their way from the device to the host."""

from __future__ import annotations

from collections.abc import Sequence as Rows
from typing import NamedTuple

import torch

from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.transfer import Download, upload

NOT_FINITE = -1
"""Travels in place of a token whose logits were not finite."""


class TokenLogprob(NamedTuple):
    """Gives a token's natural log probability and its likeliest alternatives."""

    token_id: int
    logprob: float
    alternatives: tuple[tuple[int, float], ...]


class SampledToken(NamedTuple):
    """Holds a chosen token, with its log probability when that is wanted."""

    token_id: int
    logprob: TokenLogprob | None


class Sampled:
    """Holds a token for each row of a batch: on the device at once, on the host when it comes.

    `token_ids` [num_seqs] int64 lie on the device and are valid whatever the logits were.
    """

    def __init__(
        self, logits: torch.Tensor, token_ids: torch.Tensor, sequences: Rows[Sequence]
    ) -> None:
        self.token_ids = token_ids
        self._counts = [sequence.sampling.num_logprobs for sequence in sequences]
        wanted = [row for row, count in enumerate(self._counts) if count is not None]
        most = max((count for count in self._counts if count is not None), default=0)
        extra = _logprobs(logits, token_ids, wanted, most) if wanted else ()
        self._download = Download([_reported(logits, token_ids), *extra])

    def tokens(self) -> list[SampledToken | None]:
        """Waits for the tokens and returns them; None where the logits were not finite."""
        token_ids, *extra = (tensor.tolist() for tensor in self._download.wait())
        logprobs = iter(zip(*extra, strict=True))
        result: list[SampledToken | None] = []
        for token_id, count in zip(token_ids, self._counts, strict=True):
            logprob = None if count is None else _token_logprob(token_id, count, *next(logprobs))
            result.append(None if token_id == NOT_FINITE else SampledToken(token_id, logprob))
        return result


def _reported(logits: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    # A sum shows a NaN or infinity anywhere in its row, and is thirty times cheaper to have.
    return token_ids.masked_fill(~logits.sum(dim=-1).isfinite(), NOT_FINITE)


def _logprobs(
    logits: torch.Tensor, token_ids: torch.Tensor, rows: list[int], num_best: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns log probabilities before temperature and penalties of some rows.

    Those of the chosen tokens [num_rows], and the best tokens [num_rows, num_best] with theirs.
    """
    index = upload(rows, torch.int64, logits.device)
    logprobs = logits.index_select(0, index).log_softmax(-1)
    own = logprobs.gather(-1, token_ids.index_select(0, index)[:, None])[:, 0]
    best = logprobs.topk(num_best)
    return own, best.indices, best.values


def _token_logprob(
    token_id: int, count: int, own: float, ids: list[int], values: list[float]
) -> TokenLogprob:
    alternatives = tuple(zip(ids[:count], values[:count], strict=True))
    return TokenLogprob(token_id, own, alternatives)
