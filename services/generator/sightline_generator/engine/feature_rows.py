"""Rows of features as they came: in parts, so that nobody copied them to lie together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """Rows [num_rows, hidden_size] in `parts` [num_rows of it, hidden_size], none of them empty.

    For reading only: a part may lie in the memory of a message.
    """

    parts: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, features: torch.Tensor) -> FeatureRows:
        """Returns the rows of one tensor, sharing its memory."""
        return cls((features,) if len(features) else ())

    @cached_property
    def _num_rows(self) -> int:
        return sum(map(len, self.parts))

    def __len__(self) -> int:
        return self._num_rows

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def rows(self, start: int, end: int) -> FeatureRows:
        """Returns the rows from `start` to before `end`, sharing their memory."""
        taken, offset = [], 0
        for part in self.parts:
            first, last = max(start, offset), min(end, offset + len(part))
            if first < last:
                taken.append(part[first - offset : last - offset])
            offset += len(part)
        return FeatureRows(tuple(taken))

    def copied(self) -> torch.Tensor:
        """Returns the rows, of which there must be one, as a tensor with memory of its own."""
        return torch.cat(self.parts)
