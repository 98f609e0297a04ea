"""KV cache memory and the forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Sequence as Chunks
from typing import Any

import torch

from sightline_generator.attention.base import Attention, AttentionMetadata, KVGroup, write_kv
from sightline_generator.engine.batch import Batch, build_batch
from sightline_generator.engine.decode_graphs import Capture, DecodeBuffers, DecodeGraphs
from sightline_generator.engine.graph_shapes import GraphShape, graph_shapes
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.transfer import upload, upload_tensor
from sightline_generator.families.base import AttendFunction, LanguageModel, ModelShape
from sightline_generator.native.rows import Rows
from sightline_generator.native.threads import torch_with_all_threads

NATIVE_PREFILL_KEYS = 512
"""Steps are computed natively unless one of their prompts sees more keys than these."""


def kv_block_bytes(shape: ModelShape, block_size: int, dtype: torch.dtype) -> int:
    """Returns the bytes of one block over all layers, keys and values."""
    return sum(spec.block_bytes(block_size, dtype) for spec in shape.kv_specs)


class KVCache:
    """Holds keys and values of all layers, [num_blocks + 2, block_size, heads, head_size].

    The additional blocks are the null block, which pads block tables, and the scratch block,
    to which the padding rows of captured steps write.
    """

    def __init__(
        self,
        shape: ModelShape,
        num_blocks: int,
        block_size: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        # Cross-attention would have blocks of its own, which a sequence has no table for yet.
        groups = [spec.group for spec in shape.kv_specs]
        assert groups == [KVGroup.SELF], f"one group of layers is cached, not {groups}"
        self.num_blocks = num_blocks
        self.block_size = block_size
        self.dtype = dtype
        self.device = device
        layers, heads = shape.num_layers, shape.num_kv_heads
        size = (2, layers, num_blocks + 2, block_size, heads, shape.head_size)
        # Zeros, because what lies behind a sequence's end meets a weight of zero, not a mask.
        self.keys, self.values = torch.zeros(size, device=device, dtype=dtype)
        self.layers = list(zip(self.keys, self.values, strict=True))

    @property
    def scratch_block(self) -> int:
        """The block whose content is nobody's."""
        return self.num_blocks + 1

    @torch.inference_mode()
    def are_finite(self, blocks: list[int]) -> torch.Tensor:
        """Tells of computed blocks [num_blocks] whether they and all before them are finite.

        It looks at the last layer: what entered it has seen the others' keys and values.
        """
        index = upload(blocks, torch.int64, self.device)
        keys = self.keys[-1].index_select(0, index).flatten(1)
        values = self.values[-1].index_select(0, index).flatten(1)
        return torch.logical_and(keys.isfinite().all(-1), values.isfinite().all(-1))

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
        self._graphs: DecodeGraphs | None = None
        self.cache = cache

    def graph_shapes(self, sizes: Sequence[int], max_num_tokens: int) -> list[GraphShape]:
        """Returns which steps to capture for these batch sizes and sequences up to that length."""
        return graph_shapes(self._attention, sizes, max_num_tokens)

    def capture(
        self, shapes: Sequence[GraphShape], max_num_tokens: int, capture: Capture
    ) -> Iterator[GraphShape]:
        """Captures decoding steps of these shapes and of sequences up to that length.

        Yields each shape when it is done. Other steps go on as before.
        """
        probe, width = self._probe(), -(-max_num_tokens // self.cache.block_size)
        most = max((shape.num_seqs for shape in shapes), default=0)
        buffers = DecodeBuffers.empty(most, width, probe.shape[-1], probe)
        graphs = DecodeGraphs(
            buffers, self._compute, self.cache.scratch_block, self.cache.block_size
        )
        yield from graphs.capture(shapes, capture)
        self._graphs = graphs

    @torch.inference_mode()
    def _probe(self) -> torch.Tensor:
        """Returns logits [1, vocabulary_size] of anything, for their size and type."""
        token = torch.zeros(1, dtype=torch.int64, device=self.cache.device)
        return self._logits(self._model.embed(token))

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
        every chunk that completes its sequence, at least float32. The next call may
        overwrite them.
        """
        batch = build_batch(chunks, self.cache.block_size, self.cache.device)
        graphs = self._graphs
        if graphs is not None and (shape := graphs.suiting(batch)) is not None:
            return graphs.run(batch, shape)
        return self._compute(batch)

    def _compute(self, batch: Batch) -> torch.Tensor:
        return self._logits(self._forward(batch))

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = self._model.logits(hidden)
        return logits if logits.dtype is torch.float64 else logits.float()

    def _forward(self, batch: Batch) -> torch.Tensor:
        """Returns the last hidden states of the rows whose logits are wanted."""
        embeddings = self._model.embed(batch.token_ids)
        for copy in batch.features:
            target = embeddings[copy.row : copy.row + len(copy.features)]
            target.copy_(upload_tensor(copy.features.to(embeddings.dtype), embeddings.device))
        if self._native is not None and _suits_native(batch.attention):
            rows = Rows.of(batch.attention)
            positions, slots = batch.position_ids, batch.slot_mapping
            return self._native(embeddings, positions, slots, rows, batch.logit_rows)
        with torch_with_all_threads():
            attend = self._attend_function(batch)
            hidden = self._model.forward(embeddings, batch.position_ids, attend)
        return hidden if batch.logit_rows is None else hidden[batch.logit_rows]

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
    if metadata.max_seqlen_q == 1 or metadata.max_seqlen_k <= NATIVE_PREFILL_KEYS:
        return True
    # What one query sees, of a sequence that decodes, may be long.
    prompts = metadata.cu_seqlens_q.diff() > 1
    return int(metadata.seqused_k[prompts].max()) <= NATIVE_PREFILL_KEYS
