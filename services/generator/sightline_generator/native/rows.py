"""Which cached tokens each row of a step may see."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sightline_generator.attention.base import AttentionMetadata


@dataclass(frozen=True)
class Rows:
    """Says for row i [num_rows] int32 that it sees `lengths[i]` tokens of sequence `sequences[i]`.

    `tables` [num_seqs, max_blocks] int32 are the sequences' blocks.
    """

    tables: torch.Tensor
    sequences: torch.Tensor
    lengths: torch.Tensor

    def at(self, index: torch.Tensor) -> Rows:
        """Returns the rows at `index` [num_wanted] int64 alone."""
        return Rows(self.tables, self.sequences[index], self.lengths[index])

    @classmethod
    def of(cls, metadata: AttentionMetadata) -> Rows:
        """Takes causal metadata: a row sees what lies before it, and itself."""
        starts, used = metadata.cu_seqlens_q, metadata.seqused_k
        sequences = torch.arange(len(used), dtype=torch.int32)
        if metadata.max_seqlen_q > 1:
            sequences = sequences.repeat_interleave(starts.diff())
            behind = starts[1:][sequences] - torch.arange(len(sequences), dtype=torch.int32) - 1
            used = used[sequences] - behind
        return cls(metadata.block_table.contiguous(), sequences, used.contiguous())
