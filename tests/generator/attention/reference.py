"""Attention written out in float64, token by token."""

from __future__ import annotations

import math

import torch


def reference_attention(query, keys, values, lengths, scale, causal, slopes):
    """Attends each sequence's queries to its keys and values.

    `query` is a list of [num_queries, num_heads, head_size], `keys` and `values` lists
    of [num_keys, num_kv_heads, head_size].
    """
    outputs = []
    for own_query, own_keys, own_values, length in zip(query, keys, values, lengths, strict=True):
        output = torch.zeros_like(own_query)
        num_queries, num_heads, _size = own_query.shape
        group = num_heads // own_keys.shape[1]
        for row in range(num_queries):
            place = length - num_queries + row
            visible = place + 1 if causal else length
            for head in range(num_heads):
                scores = own_keys[:visible, head // group] @ own_query[row, head] * scale
                if slopes is not None:
                    distance = (torch.arange(visible) - place).abs().double()
                    scores = scores - slopes[head] * distance
                weights = [math.exp(score - scores.max()) for score in scores]
                total = sum(weights)
                for weight, value in zip(weights, own_values[:visible], strict=True):
                    output[row, head] += weight / total * value[head // group]
        outputs.append(output)
    return torch.cat(outputs)
