"""The flat tensors of one step."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Chunks
from dataclasses import dataclass
from itertools import accumulate

import torch

from sightline_generator.attention.base import NULL_BLOCK, AttentionMetadata
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.transfer import upload, upload_tensor

PENDING = -1
"""Stands on the host for a token that only the device knows yet."""


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
    order of the chunks that complete their sequence; None wants all.
    """

    token_ids: torch.Tensor
    position_ids: torch.Tensor
    slot_mapping: torch.Tensor
    logit_rows: torch.Tensor | None
    features: list[FeatureCopy]
    attention: AttentionMetadata


def build_batch(chunks: Chunks[ScheduledChunk], block_size: int, device: torch.device) -> Batch:
    """Lays the chunks of a step out in flat tensors on a device."""
    starts = [0, *accumulate(chunk.num_tokens for chunk in chunks)]
    places = upload_tensor(_places(chunks, block_size), device)
    return Batch(
        token_ids=_with_pending(places[0], chunks, starts),
        slot_mapping=places[1],
        position_ids=places[2:],
        logit_rows=_logit_rows(chunks, starts, device),
        features=[
            copy
            for start, chunk in zip(starts, chunks, strict=False)
            for copy in _feature_copies(chunk, start)
        ],
        attention=_attention_metadata(chunks, starts, block_size, device),
    )


def _with_pending(
    token_ids: torch.Tensor, chunks: Chunks[ScheduledChunk], starts: list[int]
) -> torch.Tensor:
    """Fills in, on the device, the tokens that the host does not know yet."""
    pending = [
        (row, chunk.sequence.last_pending)
        for row, chunk in zip(starts, chunks, strict=False)
        if chunk.sequence.num_pending_tokens
    ]
    sources = {id(last.token_ids): last.token_ids for _row, last in pending if last}
    for key, source in sources.items():
        places = [(row, last.row) for row, last in pending if last and id(last.token_ids) == key]
        targets, origins = upload(places, torch.int64, token_ids.device).unbind(-1)
        token_ids.index_copy_(0, targets, source.index_select(0, origins))
    return token_ids


def _places(chunks: Chunks[ScheduledChunk], block_size: int) -> torch.Tensor:
    """Returns token ids, slots, and positions in three dimensions, [5, num_tokens]."""
    if all(map(_decodes, chunks)):
        # The step that is repeated most: one tensor made from plain numbers.
        return torch.tensor(_decoding_places(chunks, block_size))
    columns = [
        torch.tensor(_decoding_places([chunk], block_size))
        if _decodes(chunk)
        else _prefill_places(chunk, block_size)
        for chunk in chunks
    ]
    return torch.cat(columns, dim=1)


def _decodes(chunk: ScheduledChunk) -> bool:
    """Tells whether a chunk is one generated token."""
    sequence = chunk.sequence
    return chunk.num_tokens == 1 and sequence.num_computed_tokens >= sequence.num_prompt_tokens


def _decoding_places(chunks: Chunks[ScheduledChunk], block_size: int) -> list[list[int]]:
    token_ids, slots, positions = [], [], []
    for chunk in chunks:
        sequence = chunk.sequence
        index = sequence.num_computed_tokens
        block, offset = divmod(index, block_size)
        known = index < len(sequence.token_ids)
        token_ids.append(sequence.token_ids[index] if known else PENDING)
        slots.append(sequence.block_table[block] * block_size + offset)
        positions.append(index + sequence.position_delta)
    return [token_ids, slots, positions, positions, positions]


def _prefill_places(chunk: ScheduledChunk, block_size: int) -> torch.Tensor:
    token_ids = torch.tensor(_token_ids(chunk))
    return torch.cat([token_ids[None], _slots(chunk, block_size)[None], _position_ids(chunk)])


def _logit_rows(
    chunks: Chunks[ScheduledChunk], starts: list[int], device: torch.device
) -> torch.Tensor | None:
    ends = zip(starts[1:], chunks, strict=True)
    rows = [end - 1 for end, chunk in ends if chunk.completes]
    return None if len(rows) == starts[-1] else upload(rows, torch.int64, device)


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
    copies: list[FeatureCopy] = []
    for span in chunk.sequence.feature_spans:
        first, last = max(start, span.offset), min(end, span.end)
        if first < last:
            assert span.features is not None, "a sequence without its features was scheduled"
            assert first >= span.features_offset, "a sequence lacks features that it computes"
            offset = span.features_offset
            taken = span.features.rows(first - offset, last - offset)
            copies += _copies_from(row + first - start, taken)
    return copies


def _copies_from(row: int, features: FeatureRows) -> Iterator[FeatureCopy]:
    for part in features.parts:
        yield FeatureCopy(row, part)
        row += len(part)


def _attention_metadata(
    chunks: Chunks[ScheduledChunk], starts: list[int], block_size: int, device: torch.device
) -> AttentionMetadata:
    used = [_bounds(chunk)[1] for chunk in chunks]
    width = max(len(chunk.sequence.block_table) for chunk in chunks)
    tables = [_padded(chunk.sequence, width) for chunk in chunks]
    return AttentionMetadata(
        cu_seqlens_q=upload(starts, torch.int32, device),
        seqused_k=upload(used, torch.int32, device),
        block_table=upload(tables, torch.int32, device),
        max_seqlen_q=max(chunk.num_tokens for chunk in chunks),
        max_seqlen_k=max(used),
        num_used_blocks=sum(-(-length // block_size) for length in used),
    )


def _padded(sequence: Sequence, width: int) -> list[int]:
    return sequence.block_table + [NULL_BLOCK] * (width - len(sequence.block_table))
