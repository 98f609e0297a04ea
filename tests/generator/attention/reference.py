"""Attention written out in float64, one sequence and one head at a time."""

from __future__ import annotations

import torch


def reference_attention(query, keys, values, lengths, scale, causal, slopes):
    """Attends each sequence's queries to its keys and values.

    `query` is a list of [num_queries, num_heads, head_size], `keys` and `values` lists
    of [num_keys, num_kv_heads, head_size].
    """
    sequences = zip(query, keys, values, lengths, strict=True)
    return torch.cat([_sequence(*sequence, scale, causal, slopes) for sequence in sequences])


def _sequence(query, keys, values, length, scale, causal, slopes):
    output = torch.zeros_like(query)
    num_queries, num_heads, _size = query.shape
    group = num_heads // keys.shape[1]
    places = length - num_queries + torch.arange(num_queries)
    distance = (torch.arange(length) - places[:, None]).double()
    for head in range(num_heads if length else 0):
        scores = query[:, head] @ keys[:length, head // group].T * scale
        if slopes is not None:
            scores = scores - slopes[head].double() * distance.abs()
        if causal:
            scores = scores.masked_fill(distance > 0, -torch.inf)
        weights = (scores - scores.amax(1, keepdim=True)).exp()
        output[:, head] = weights @ values[:length, head // group] / weights.sum(1, keepdim=True)
    return output
