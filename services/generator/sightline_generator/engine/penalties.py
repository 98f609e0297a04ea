"""Penalties on tokens that a sequence already has."""

from __future__ import annotations

from collections.abc import Sequence as Rows

import torch

from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.transfer import upload


def penalise(
    logits: torch.Tensor, token_ids: torch.Tensor, sequences: Rows[Sequence]
) -> torch.Tensor:
    """Returns logits [num_seqs, vocabulary_size] with the sequences' penalties applied.

    `token_ids` [num_seqs, width] begin with each sequence's tokens. Repetition as in CTRL
    (Keskar et al., 2019): divides positive logits and multiplies negative ones; presence and
    frequency as in OpenAI's API. Touches only tokens that a sequence has.
    """
    vocabulary_size = logits.shape[-1]
    lengths = [[seq.num_prompt_tokens, seq.num_tokens] for seq in sequences]
    bounds = upload(lengths, torch.int64, logits.device)
    factors = upload([_factors(seq) for seq in sequences], logits.dtype, logits.device)
    repetition, presence, frequency = factors.chunk(3, dim=-1)
    # What is no token of the sequence is led to a column that nobody sees.
    nowhere = vocabulary_size
    index = torch.arange(token_ids.shape[1], device=logits.device)
    every = token_ids.masked_fill(index >= bounds[:, 1:], nowhere)
    generated = every.masked_fill(index < bounds[:, :1], nowhere)
    result = torch.nn.functional.pad(logits, (0, 1))
    old = result.gather(-1, every)
    # A token that comes twice is given the same value twice.
    result.scatter_(-1, every, torch.where(old > 0, old / repetition, old * repetition))
    result.scatter_(-1, generated, result.gather(-1, generated) - presence)
    result.scatter_add_(-1, generated, -frequency.expand(generated.shape))
    return result[:, :vocabulary_size]


def _factors(sequence: Sequence) -> tuple[float, float, float]:
    sampling = sequence.sampling
    return (sampling.repetition_penalty, sampling.presence_penalty, sampling.frequency_penalty)
