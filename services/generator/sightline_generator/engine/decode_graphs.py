"""Decoding steps that are captured once for each shape and then only replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from sightline_generator.attention.base import NULL_BLOCK, AttentionMetadata
from sightline_generator.engine.batch import Batch
from sightline_generator.engine.graph_shapes import GraphShape

Replay = Callable[[], object]
"""Computes again what was captured, on the same memory."""

Capture = Callable[[Callable[[], None]], Replay]
"""Captures what a function asks of the device; everything it touches must stay where it is."""

ComputeLogits = Callable[[Batch], torch.Tensor]
"""Computes a batch's KV and its logits [num_logit_rows, vocabulary_size]."""


@dataclass(frozen=True)
class DecodeBuffers:
    """Inputs and outputs of the largest decoding step; graphs use their first rows.

    The shapes are those of Batch with one token a sequence; `block_table` is as wide as the
    longest sequence needs, and `logits` [max_num_seqs, vocabulary_size].
    """

    token_ids: torch.Tensor
    position_ids: torch.Tensor
    slot_mapping: torch.Tensor
    cu_seqlens_q: torch.Tensor
    seqused_k: torch.Tensor
    block_table: torch.Tensor
    logits: torch.Tensor

    @classmethod
    def empty(
        cls, num_seqs: int, table_width: int, vocabulary_size: int, like: torch.Tensor
    ) -> DecodeBuffers:
        """Returns buffers on the device and, for logits, in the type of `like`."""

        def zeros(*shape: int, dtype: torch.dtype) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=like.device)

        return cls(
            token_ids=zeros(num_seqs, dtype=torch.int64),
            position_ids=zeros(3, num_seqs, dtype=torch.int64),
            slot_mapping=zeros(num_seqs, dtype=torch.int64),
            cu_seqlens_q=torch.arange(num_seqs + 1, dtype=torch.int32, device=like.device),
            seqused_k=zeros(num_seqs, dtype=torch.int32),
            block_table=zeros(num_seqs, table_width, dtype=torch.int32),
            logits=zeros(num_seqs, vocabulary_size, dtype=like.dtype),
        )

    def fill(self, batch: Batch, size: int, scratch_block: int, block_size: int) -> None:
        """Copies a batch into the first rows; those up to `size` that it lacks are padding.

        A padding row is a sequence of one token in the scratch block.
        """
        count = len(batch.token_ids)
        table = batch.attention.block_table
        self.token_ids[:count].copy_(batch.token_ids)
        self.position_ids[:, :count].copy_(batch.position_ids)
        self.slot_mapping[:count].copy_(batch.slot_mapping)
        self.seqused_k[:count].copy_(batch.attention.seqused_k)
        self.block_table[:size].fill_(NULL_BLOCK)
        self.block_table[:count, : table.shape[1]].copy_(table)
        if count < size:
            self.token_ids[count:size].zero_()
            self.position_ids[:, count:size].zero_()
            self.slot_mapping[count:size].fill_(scratch_block * block_size)
            self.seqused_k[count:size].fill_(1)
            self.block_table[count:size, 0].fill_(scratch_block)

    def batch(self, shape: GraphShape, block_size: int) -> Batch:
        """Returns the first rows as a batch; its tensors share the buffers' memory."""
        size, width = shape.num_seqs, self.block_table.shape[1]
        return Batch(
            token_ids=self.token_ids[:size],
            position_ids=self.position_ids[:, :size],
            slot_mapping=self.slot_mapping[:size],
            logit_rows=None,
            features=[],
            attention=AttentionMetadata(
                cu_seqlens_q=self.cu_seqlens_q[: size + 1],
                seqused_k=self.seqused_k[:size],
                block_table=self.block_table[:size],
                max_seqlen_q=1,
                max_seqlen_k=min(width, shape.num_used_blocks) * block_size,
                num_used_blocks=shape.num_used_blocks,
            ),
        )


class DecodeGraphs:
    """Replays decoding steps; a batch takes the smallest graph that has room for it."""

    def __init__(
        self, buffers: DecodeBuffers, compute: ComputeLogits, scratch_block: int, block_size: int
    ) -> None:
        self._buffers = buffers
        self._compute = compute
        self._scratch_block = scratch_block
        self._block_size = block_size
        self._shapes: list[GraphShape] = []
        self._replays: dict[GraphShape, Replay] = {}

    @property
    def shapes(self) -> Sequence[GraphShape]:
        """The captured shapes in ascending order."""
        return self._shapes

    @torch.inference_mode()
    def capture(self, shapes: Sequence[GraphShape], capture: Capture) -> Iterator[GraphShape]:
        """Captures the shapes, the largest first, whose memory the others share; yields each."""
        nothing = self._buffers.batch(GraphShape(0, 0), self._block_size)
        for shape in sorted(shapes, reverse=True):
            batch = self._buffers.batch(shape, self._block_size)
            self._buffers.fill(nothing, shape.num_seqs, self._scratch_block, self._block_size)
            self._replays[shape] = capture(partial(self._step, batch))
            self._shapes.insert(0, shape)
            yield shape

    def suiting(self, batch: Batch) -> GraphShape | None:
        """Returns which graph computes a batch; None if it is none that decodes, or too large."""
        metadata = batch.attention
        decodes = metadata.max_seqlen_q == 1 and batch.logit_rows is None and not batch.features
        fits = metadata.block_table.shape[1] <= self._buffers.block_table.shape[1]
        if not (decodes and fits) or metadata.num_used_blocks is None:
            return None
        count = len(batch.token_ids)
        for shape in self._shapes:
            # Each row of padding fills a block, too.
            room = shape.num_used_blocks - (shape.num_seqs - count)
            if count <= shape.num_seqs and metadata.num_used_blocks <= room:
                return shape
        return None

    def run(self, batch: Batch, shape: GraphShape) -> torch.Tensor:
        """Computes a batch in a shape that suits it; returns its logits till the next run."""
        self._buffers.fill(batch, shape.num_seqs, self._scratch_block, self._block_size)
        self._replays[shape]()
        return self._buffers.logits[: len(batch.token_ids)]

    def _step(self, batch: Batch) -> None:
        self._buffers.logits[: len(batch.token_ids)].copy_(self._compute(batch))


def call_again(function: Callable[[], None]) -> Replay:
    """Captures nothing: what replays it is the function itself. For devices without graphs."""
    function()
    return function


class CudaCapture:
    """Captures CUDA graphs that share one pool of memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], None]) -> Replay:
        with torch.cuda.device(self._device):
            self._warm_up(function)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                function()
        return graph.replay

    def _warm_up(self, function: Callable[[], None]) -> None:
        # Libraries choose their kernels and take their workspaces in the first call.
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            function()
        torch.cuda.current_stream(self._device).wait_stream(stream)
