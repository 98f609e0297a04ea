"""What requests add to single logits: their bias, and what rules out an early end."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Rows
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch

from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.transfer import upload


class Edit(NamedTuple):
    """Token ids [n] int64, and what is added to their logits [n]."""

    token_ids: torch.Tensor
    values: torch.Tensor


class LogitEdits:
    """Keeps every sequence's edits on the device, since they are the same at each step."""

    def __init__(self) -> None:
        self._biases: WeakKeyDictionary[Sequence, Edit] = WeakKeyDictionary()
        self._ends: WeakKeyDictionary[Sequence, Edit] = WeakKeyDictionary()

    def apply(self, logits: torch.Tensor, sequences: Rows[Sequence]) -> None:
        """Adds every sequence's edits to its row of `logits` [num_seqs, vocabulary], in place."""
        own = [(row, edit) for row, seq in enumerate(sequences) for edit in self._of(seq, logits)]
        counts = [(row, len(edit.token_ids)) for row, edit in own]
        rows, lengths = upload(counts, torch.int64, logits.device).unbind(-1)
        index = rows.repeat_interleave(lengths, output_size=sum(length for _, length in counts))
        token_ids = torch.cat([edit.token_ids for _, edit in own])
        values = torch.cat([edit.values for _, edit in own])
        # A token may be biased and an end: both are added.
        logits.index_put_((index, token_ids), values, accumulate=True)

    def _of(self, sequence: Sequence, logits: torch.Tensor) -> list[Edit]:
        edits = []
        if sequence.sampling.logit_bias:
            edits.append(_kept(self._biases, sequence, sequence.sampling.logit_bias, logits))
        if rules_out_an_end(sequence):
            ends = dict.fromkeys(sequence.stop.token_ids, -torch.inf)
            edits.append(_kept(self._ends, sequence, ends, logits))
        return edits


def is_edited(sequence: Sequence) -> bool:
    return bool(sequence.sampling.logit_bias) or rules_out_an_end(sequence)


def rules_out_an_end(sequence: Sequence) -> bool:
    """Whether the next token must not end the answer, as fewer than `min_tokens` are there."""
    early = sequence.num_generated_tokens < sequence.stop.min_tokens
    return early and bool(sequence.stop.token_ids)


def _kept(
    edits: WeakKeyDictionary[Sequence, Edit],
    sequence: Sequence,
    added: Mapping[int, float],
    logits: torch.Tensor,
) -> Edit:
    if sequence not in edits:
        token_ids = upload(list(added), torch.int64, logits.device)
        values = upload(list(added.values()), logits.dtype, logits.device)
        edits[sequence] = Edit(token_ids, values)
    return edits[sequence]
