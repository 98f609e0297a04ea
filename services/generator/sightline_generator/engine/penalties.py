"""Penalties on tokens that a sequence already has."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import torch

from sightline_generator.engine.sequence import Sequence


class TokenHistory:
    """Counts a sequence's distinct tokens: `token_ids`, and how often each was generated."""

    def __init__(self, sequence: Sequence) -> None:
        self.sampling = sequence.sampling
        self.token_ids = array("q", dict.fromkeys(sequence.prompt_token_ids))
        self.counts = array("f", [0.0]) * len(self.token_ids)
        self._places = {token_id: place for place, token_id in enumerate(self.token_ids)}
        self._num_tokens = sequence.num_prompt_tokens

    def catch_up(self, token_ids: list[int]) -> None:
        """Counts the tokens that came since the last call."""
        for token_id in token_ids[self._num_tokens :]:
            place = self._places.setdefault(token_id, len(self.token_ids))
            if place == len(self.token_ids):
                self.token_ids.append(token_id)
                self.counts.append(0.0)
            self.counts[place] += 1
        self._num_tokens = len(token_ids)


def penalise(logits: torch.Tensor, histories: Mapping[int, TokenHistory]) -> None:
    """Applies the penalties of some rows in place; touches only tokens that they have.

    Repetition as in CTRL (Keskar et al., 2019): divides positive logits and multiplies
    negative ones; presence and frequency as in OpenAI's API.
    """
    owners = list(histories.values())
    lengths = torch.tensor([len(history.token_ids) for history in owners])
    token_ids, all_counts = array("q"), array("f")
    for history in owners:
        token_ids.extend(history.token_ids)
        all_counts.extend(history.counts)

    def spread(values: list[float]) -> torch.Tensor:
        column = torch.tensor(values, dtype=logits.dtype)
        return column.repeat_interleave(lengths).to(logits.device)

    rows = torch.tensor(list(histories)).repeat_interleave(lengths).to(logits.device)
    ids = torch.frombuffer(token_ids, dtype=torch.int64).to(logits.device)
    counts = torch.frombuffer(all_counts, dtype=torch.float32).to(logits.device, logits.dtype)
    repetition = spread([history.sampling.repetition_penalty for history in owners])
    frequency = spread([history.sampling.frequency_penalty for history in owners])
    presence = spread([history.sampling.presence_penalty for history in owners])
    old = logits[rows, ids]
    new = torch.where(old > 0, old / repetition, old * repetition)
    logits[rows, ids] = new - frequency * counts - presence * (counts > 0)
