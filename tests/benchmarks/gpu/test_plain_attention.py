"""The yardstick itself is right."""

import torch

from benchmarks.gpu.plain_attention import PlainAttention
from tests.generator.attention.paged import PagedBatch, assert_conforms


def test_plain_attention_equals_the_reference():
    batch = PagedBatch([(20, 20)] * 3, True, 16, num_kv_heads=2, group=3, head_size=8, seed=0)
    attention = PlainAttention(16, torch.float32)
    assert_conforms(attention, batch)
