"""The FlashAttention kernels' contracts, as their C++ sources check them, computed plainly.

They take the place of the kernels on a machine without a GPU, so that what reaches a
kernel (names, types, shapes, page sizes, meaning of lengths) is tested everywhere.
"""

from __future__ import annotations

import torch

from tests.generator.attention.reference import reference_attention

FA2_PAGE = 256


def varlen_attn(
    query,
    key,
    value,
    cu_seq_q,
    cu_seq_k,
    max_q,
    max_k,
    *,
    return_aux=None,
    scale=None,
    window_size=(-1, -1),
    enable_gqa=False,
    seqused_k=None,
    block_table=None,
    num_splits=None,
):
    """`torch.nn.attention.varlen.varlen_attn` of torch 2.13 with its FA2 kernel."""
    assert enable_gqa or query.shape[1] == key.shape[-2]
    assert window_size in ((-1, -1), (-1, 0))
    _check_int32(cu_seq_k, len(cu_seq_q))
    causal, page = window_size == (-1, 0), FA2_PAGE
    if block_table is None:
        # Without pages a sequence lies in one piece from where `cu_seq_k` says. The C++ source
        # compares the shapes of keys and values only: more may lie behind the last sequence.
        assert (cu_seq_k.diff() >= seqused_k).all() and int(cu_seq_k[-1]) <= len(key)
        key, value, block_table = _as_pages(key, value, cu_seq_k, max_k)
        page = 1
    else:
        assert num_splits == 1, "ragged paged batches lose rows when splits are allowed"
        assert torch.equal(cu_seq_k.diff(), seqused_k)
    return _paged(
        query, key, value, cu_seq_q, max_q, max_k, seqused_k, block_table, scale,
        causal=causal, slopes=None, page=page,
    )  # fmt: skip


def _as_pages(key, value, starts, max_k):
    """Sees flat tensors as pages of one token."""
    table = starts[:-1, None] + torch.arange(max(1, max_k), dtype=torch.int32)
    if not len(key):
        key, value = (tensor.new_zeros(1, *tensor.shape[1:]) for tensor in (key, value))
    return key[:, None], value[:, None], table.clamp(max=len(key) - 1)


def flash_attn_varlen_func(
    q,
    k,
    v,
    cu_seqlens_q,
    cu_seqlens_k,
    max_seqlen_q,
    max_seqlen_k,
    dropout_p=0.0,
    softmax_scale=None,
    causal=False,
    window_size=(-1, -1),
    softcap=0.0,
    alibi_slopes=None,
    deterministic=False,
    return_attn_probs=False,
    block_table=None,
):
    """flash-attn 2: lengths of keys come from `cu_seqlens_k`."""
    _check_int32(cu_seqlens_k, len(cu_seqlens_q))
    return _paged(
        q, k, v, cu_seqlens_q, max_seqlen_q, max_seqlen_k, cu_seqlens_k.diff(), block_table,
        softmax_scale, causal, alibi_slopes, page=FA2_PAGE,
    )  # fmt: skip


def flash_attn_with_kvcache(
    q,
    k_cache,
    v_cache,
    *,
    cache_seqlens,
    block_table,
    softmax_scale=None,
    causal=False,
    alibi_slopes=None,
):
    """flash-attn 2 decoding: q is [num_seqs, num_queries, num_heads, head_size]."""
    num_seqs, num_queries = q.shape[:2]
    starts = torch.arange(num_seqs + 1, dtype=torch.int32) * num_queries
    output = _paged(
        q.flatten(0, 1), k_cache, v_cache, starts, num_queries, int(cache_seqlens.max()),
        cache_seqlens, block_table, softmax_scale, causal, alibi_slopes, page=FA2_PAGE,
    )  # fmt: skip
    return output.view(q.shape)


def flash_attn_3_with_kvcache(
    q,
    k_cache,
    v_cache,
    *,
    cache_seqlens,
    page_table,
    cu_seqlens_q,
    max_seqlen_q,
    softmax_scale=None,
    causal=False,
):
    """flash-attn 3: ragged queries, pages of any size."""
    return _paged(
        q, k_cache, v_cache, cu_seqlens_q, max_seqlen_q, int(cache_seqlens.max()), cache_seqlens,
        page_table, softmax_scale, causal, slopes=None, page=1,
    )  # fmt: skip


def _paged(
    query, keys, values, starts, max_q, max_k, used, table, scale, causal, slopes, page
):  # fmt: skip
    num_seqs = len(starts) - 1
    _check_arguments(query, keys, values, starts, used, table, page)
    # A captured step knows only how long its keys may become.
    assert max_q == int(starts.diff().max()) and max_k >= int(used.max())
    assert slopes is None or slopes.dtype is torch.float32
    lengths = used.tolist()
    rows = [query[starts[i] : starts[i + 1]].double() for i in range(num_seqs)]

    def gathered(cache):
        pages = [cache[table[i].long()].flatten(0, 1) for i in range(num_seqs)]
        return [own[:length].double() for own, length in zip(pages, lengths, strict=True)]

    tensors = (rows, gathered(keys), gathered(values))
    return reference_attention(*tensors, lengths, scale, causal, slopes).to(query.dtype)


def _check_arguments(query, keys, values, starts, used, table, page):
    num_seqs, head_size = len(starts) - 1, query.shape[2]
    assert query.dtype in (torch.float16, torch.bfloat16)
    assert keys.dtype == values.dtype == query.dtype
    assert head_size % 8 == 0 and head_size <= 256
    assert keys.shape == values.shape and keys.shape[3] == head_size
    assert keys.shape[1] % page == 0, "Paged KV cache block size must be divisible by 256"
    assert query.shape[1] % keys.shape[2] == 0
    assert query.stride(-1) == keys.stride(-1) == values.stride(-1) == table.stride(-1) == 1
    _check_int32(starts, num_seqs + 1)
    _check_int32(used, num_seqs)
    assert table.dtype is torch.int32 and len(table) == num_seqs
    assert len(query) == int(starts[-1])


def _check_int32(tensor, length):
    assert tensor.dtype is torch.int32 and tensor.is_contiguous() and tensor.shape == (length,)
