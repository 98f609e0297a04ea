"""The tokens of sequences where the device reads them, those included that the host awaits."""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from sightline_generator.engine.sequence import Sequence, SequenceStatus
from sightline_generator.engine.transfer import upload

FIRST_ROWS, FIRST_WIDTH = 8, 256


@dataclass
class _Row:
    number: int
    num_tokens: int = 0


class TokenTable:
    """Holds one row of token ids for each sequence that asks; grows as it must.

    A row belongs to its sequence while that runs, and afterwards until another needs it.
    """

    def __init__(self) -> None:
        self._table = torch.zeros(0, 0, dtype=torch.int64)
        self._rows: WeakKeyDictionary[Sequence, _Row] = WeakKeyDictionary()

    def take(self, sequences: Rows[Sequence], device: torch.device) -> torch.Tensor:
        """Returns [num_seqs, width] int64, each row the sequence's tokens and then anything."""
        width = max(sequence.num_tokens for sequence in sequences)
        # One more, so that `append` has room.
        owners = {seq for seq in self._rows if seq.status is SequenceStatus.RUNNING}
        self._reserve(len(owners.union(sequences)), width + 1, device)
        rows = [self._row(sequence, sequences) for sequence in sequences]
        numbers = upload([row.number for row in rows], torch.int64, device)
        return self._table[:, :width].index_select(0, numbers)

    def append(self, sequences: Rows[Sequence], token_ids: torch.Tensor) -> None:
        """Adds a token [num_seqs] to each row that `take` returned before."""
        rows = [self._rows[sequence] for sequence in sequences]
        places = [[row.number for row in rows], [row.num_tokens for row in rows]]
        index = upload(places, torch.int64, token_ids.device)
        self._table.index_put_((index[0], index[1]), token_ids)
        for row in rows:
            row.num_tokens += 1

    def _row(self, sequence: Sequence, company: Rows[Sequence]) -> _Row:
        row = self._rows.get(sequence)
        if row is None:
            row = self._rows[sequence] = _Row(self._free_number(company))
        if row.num_tokens != sequence.num_tokens:
            self._write(row, sequence)
        return row

    def _write(self, row: _Row, sequence: Sequence) -> None:
        known = upload(sequence.token_ids, torch.int64, self._table.device)
        self._table[row.number, : len(known)] = known
        if sequence.num_pending_tokens:
            assert sequence.last_pending is not None
            pending = sequence.last_pending
            self._table[row.number, len(known)] = pending.token_ids[pending.row]
        row.num_tokens = sequence.num_tokens

    def _free_number(self, company: Rows[Sequence]) -> int:
        """Returns a row that nobody has, or whose owner does not run."""
        owners = {row.number: sequence for sequence, row in self._rows.items()}
        for number in range(len(self._table)):
            owner = owners.get(number)
            if owner is None:
                return number
            if owner.status is not SequenceStatus.RUNNING and owner not in company:
                del self._rows[owner]
                return number
        raise AssertionError("there are as many rows as sequences that run together")

    def _reserve(self, num_rows: int, width: int, device: torch.device) -> None:
        if num_rows <= self._table.shape[0] and width <= self._table.shape[1]:
            return
        rows, columns = self._table.shape
        shape = (
            _doubled(max(rows, FIRST_ROWS), num_rows),
            _doubled(max(columns, FIRST_WIDTH), width),
        )
        grown = torch.zeros(shape, dtype=torch.int64, device=device)
        grown[:rows, :columns] = self._table
        self._table = grown


def _doubled(start: int, least: int) -> int:
    """Returns the first of start, 2 start, 4 start, ... that is no less than `least`."""
    while start < least:
        start *= 2
    return start
