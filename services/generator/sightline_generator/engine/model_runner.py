"""KV cache memory and the forward pass."""

from __future__ import annotations

from collections.abc import Sequence as Chunks
from typing import Any

import torch

from sightline_generator.attention.base import Attention, AttentionMetadata, write_kv
from sightline_generator.engine.batch import Batch, build_batch
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.transfer import upload, upload_tensor
from sightline_generator.families.base import AttendFunction, LanguageModel, ModelShape
from sightline_generator.native.rows import Rows
from sightline_generator.native.threads import torch_with_all_threads

NATIVE_PREFILL_KEYS = 512
"""Up to so many keys a prompt is computed natively."""


def kv_block_bytes(shape: ModelShape, block_size: int, dtype: torch.dtype) -> int:
    """Returns the bytes of one block over all layers, keys and values."""
    return sum(spec.block_bytes(block_size, dtype) for spec in shape.kv_specs)


class KVCache:
    """Holds keys and values of all layers, [num_blocks + 1, block_size, heads, head_size].

    The additional block is the null block that pads block tables.
    """

    def __init__(
        self,
        shape: ModelShape,
        num_blocks: int,
        block_size: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        self.dtype = dtype
        self.device = device
        layers, heads = shape.num_layers, shape.num_kv_heads
        size = (2, layers, num_blocks + 1, block_size, heads, shape.head_size)
        # Zeros, because what lies behind a sequence's end meets a weight of zero, not a mask.
        self.keys, self.values = torch.zeros(size, device=device, dtype=dtype)
        self.layers = list(zip(self.keys, self.values, strict=True))

    def clear(self, blocks: list[int]) -> None:
        """Zeroes blocks, so that a non-finite value in them cannot reach their next owner."""
        index = upload(blocks, torch.int64, self.device)
        self.keys.index_fill_(1, index, 0)
        self.values.index_fill_(1, index, 0)


class ModelRunner:
    """Runs one step of a language model over a paged KV cache."""

    def __init__(self, model: LanguageModel, cache: KVCache, attention: Attention[Any]) -> None:
        self._model = model
        self._attention = attention
        self._native = model.native(cache.layers) if attention.native else None
        self.cache = cache

    @property
    def is_native(self) -> bool:
        """Whether steps are computed natively where that pays."""
        return self._native is not None

    @property
    def attention_name(self) -> str:
        return self._attention.name

    @torch.inference_mode()
    def run(self, chunks: Chunks[ScheduledChunk]) -> torch.Tensor:
        """Computes the KV of all chunks.

        Returns the logits [num_completing_chunks, vocabulary_size] of the last token of
        every chunk that completes its sequence, at least float32.
        """
        batch = build_batch(chunks, self.cache.block_size, self.cache.device)
        hidden = self._forward(batch)
        rows = hidden if batch.logit_rows is None else hidden[batch.logit_rows]
        logits = self._model.logits(rows)
        return logits if logits.dtype is torch.float64 else logits.float()

    def _forward(self, batch: Batch) -> torch.Tensor:
        embeddings = self._model.embed(batch.token_ids)
        for copy in batch.features:
            rows = embeddings[copy.row : copy.row + len(copy.features)]
            rows.copy_(upload_tensor(copy.features.to(embeddings.dtype), embeddings.device))
        if self._native is not None and _suits_native(batch.attention):
            rows = Rows.of(batch.attention)
            return self._native(embeddings, batch.position_ids, batch.slot_mapping, rows)
        with torch_with_all_threads():
            return self._model.forward(embeddings, batch.position_ids, self._attend_function(batch))

    def _attend_function(self, batch: Batch) -> AttendFunction:
        plan = self._attention.plan(batch.attention)

        def attend(
            layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
        ) -> torch.Tensor:
            keys, values = self.cache.layers[layer]
            write_kv(keys, key, batch.slot_mapping)
            write_kv(values, value, batch.slot_mapping)
            return self._attention.forward(query, keys, values, plan, scale)

        return attend


def _suits_native(metadata: AttentionMetadata) -> bool:
    """Tells whether attention one query at a time is no loss.

    Prompts over many cached keys are better multiplied as matrices.
    """
    if not metadata.causal or metadata.alibi_slopes is not None:
        return False
    return metadata.max_seqlen_q == 1 or metadata.max_seqlen_k <= NATIVE_PREFILL_KEYS
