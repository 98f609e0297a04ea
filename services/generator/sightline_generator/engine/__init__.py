"""Continuous batching over a block-table KV cache."""
