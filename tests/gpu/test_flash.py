"""What the loop's speed on a GPU rests on: kernels that neither wait nor allocate on the host."""

from dataclasses import replace

import pytest
import torch
from sightline_generator.attention.base import AttentionDemand, AttentionMetadata
from sightline_generator.attention.flash import (
    FlashAttention2,
    FlashAttention3,
    GatheredFlashAttention,
    PagedFlashAttention,
)
from sightline_generator.attention.registry import refusal

pytestmark = pytest.mark.gpu
HEADS, KV_HEADS, SIZE, NUM_SEQS, BLOCKS = 32, 2, 128, 4, 2


KINDS = [FlashAttention3, FlashAttention2, PagedFlashAttention, GatheredFlashAttention]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def attention(request, cuda):
    reason = refusal(request.param, AttentionDemand(cuda, torch.float16, SIZE))
    if reason:
        pytest.skip(f"{request.param.name} {reason}")
    return request.param(request.param.block_size_for(16), torch.float16)


class Decoding:
    """A decoding step of four sequences whose tensors keep their places."""

    def __init__(self, attention, device):
        draw = torch.Generator(device).manual_seed(0)

        def normal(*shape):
            return torch.randn(shape, generator=draw, device=device).half()

        shape = (NUM_SEQS * BLOCKS + 1, attention.block_size, KV_HEADS, SIZE)
        self.attention = attention
        self.keys, self.values = normal(*shape), normal(*shape)
        self.query = normal(NUM_SEQS, HEADS, SIZE)
        table = torch.arange(1, NUM_SEQS * BLOCKS + 1, dtype=torch.int32, device=device)
        most = BLOCKS * attention.block_size
        self.metadata = AttentionMetadata(
            cu_seqlens_q=torch.arange(NUM_SEQS + 1, dtype=torch.int32, device=device),
            seqused_k=torch.full((NUM_SEQS,), most, dtype=torch.int32, device=device),
            block_table=table.view(NUM_SEQS, BLOCKS),
            max_seqlen_q=1,
            max_seqlen_k=most,
            num_used_blocks=NUM_SEQS * BLOCKS,
        )

    def run(self):
        plan = self.attention.plan(self.metadata)
        return self.attention.forward(self.query, self.keys, self.values, plan, SIZE**-0.5)


def test_nothing_waits_for_the_device(attention, cuda):
    step = Decoding(attention, cuda)
    step.run()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step.run()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_captured_step_follows_lengths_that_change(attention, cuda):
    step = Decoding(attention, cuda)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        step.run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step.run()
    step.metadata.seqused_k.copy_(torch.tensor([3, 17, 5, 31], device=cuda))
    graph.replay()
    # Eager steps know exactly how many blocks are used, and gather no more.
    step.metadata = replace(step.metadata, num_used_blocks=None)
    torch.testing.assert_close(captured, step.run(), atol=2e-3, rtol=2e-3)
