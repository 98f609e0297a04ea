"""The flat tensors of one step."""

from __future__ import annotations

from collections.abc import Sequence as Chunks
from dataclasses import dataclass

import torch

from sightline_generator.attention.base import NULL_BLOCK, AttentionMetadata
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.sequence import Sequence


@dataclass(frozen=True)
class FeatureCopy:
    """Says that rows of the flat batch take these features [num_rows, hidden_size]."""

    row: int
    features: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """One step's tokens of all sequences, one after the other.

    `token_ids` [num_tokens], `position_ids` [3, num_tokens] and `slot_mapping`
    [num_tokens] are int64; `logit_rows` are the rows whose logits are wanted, in the
    order of the chunks that complete their sequence.
    """

    token_ids: torch.Tensor
    position_ids: torch.Tensor
    slot_mapping: torch.Tensor
    logit_rows: torch.Tensor
    features: list[FeatureCopy]
    attention: AttentionMetadata


def build_batch(chunks: Chunks[ScheduledChunk], block_size: int, device: torch.device) -> Batch:
    """Lays the chunks of a step out in flat tensors on a device."""
    lengths = [chunk.num_tokens for chunk in chunks]
    cu_seqlens = torch.tensor([0, *lengths]).cumsum(0)
    ends = [int(end) for end in cu_seqlens[1:]]
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]
    return Batch(
        token_ids=_on(device, [token for chunk in chunks for token in _token_ids(chunk)]),
        position_ids=torch.cat([_position_ids(chunk) for chunk in chunks], dim=1).to(device),
        slot_mapping=torch.cat([_slots(chunk, block_size) for chunk in chunks]).to(device),
        logit_rows=_on(
            device, [end - 1 for end, chunk in zip(ends, chunks, strict=True) if chunk.completes]
        ),
        features=[
            copy
            for start, chunk in zip(starts, chunks, strict=True)
            for copy in _feature_copies(chunk, start)
        ],
        attention=_attention_metadata(chunks, cu_seqlens, device),
    )


def _on(device: torch.device, values: list[int]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64, device=device)


def _bounds(chunk: ScheduledChunk) -> tuple[int, int]:
    start = chunk.sequence.num_computed_tokens
    return start, start + chunk.num_tokens


def _token_ids(chunk: ScheduledChunk) -> list[int]:
    start, end = _bounds(chunk)
    return chunk.sequence.token_ids[start:end]


def _position_ids(chunk: ScheduledChunk) -> torch.Tensor:
    sequence, (start, end) = chunk.sequence, _bounds(chunk)
    prompt = sequence.position_ids[:, start:end]
    first = max(start, sequence.num_prompt_tokens)
    generated = torch.arange(first, max(first, end))
    return torch.cat([prompt, (generated + sequence.position_delta).expand(3, -1)], dim=1)


def _slots(chunk: ScheduledChunk, block_size: int) -> torch.Tensor:
    indices = torch.arange(*_bounds(chunk))
    blocks = torch.tensor(chunk.sequence.block_table)[indices // block_size]
    return blocks * block_size + indices % block_size


def _feature_copies(chunk: ScheduledChunk, row: int) -> list[FeatureCopy]:
    start, end = _bounds(chunk)
    copies = []
    for span in chunk.sequence.feature_spans:
        first = max(start, span.offset)
        last = min(end, span.offset + len(span.features))
        if first < last:
            features = span.features[first - span.offset : last - span.offset]
            copies.append(FeatureCopy(row + first - start, features))
    return copies


def _attention_metadata(
    chunks: Chunks[ScheduledChunk], cu_seqlens: torch.Tensor, device: torch.device
) -> AttentionMetadata:
    used = [_bounds(chunk)[1] for chunk in chunks]
    width = max(len(chunk.sequence.block_table) for chunk in chunks)
    tables = [_padded(chunk.sequence, width) for chunk in chunks]
    return AttentionMetadata(
        cu_seqlens_q=cu_seqlens.to(device, torch.int32),
        seqused_k=torch.tensor(used, dtype=torch.int32, device=device),
        block_table=torch.tensor(tables, dtype=torch.int32, device=device),
        max_seqlen_q=max(chunk.num_tokens for chunk in chunks),
        max_seqlen_k=max(used),
    )


def _padded(sequence: Sequence, width: int) -> list[int]:
    return sequence.block_table + [NULL_BLOCK] * (width - len(sequence.block_table))
