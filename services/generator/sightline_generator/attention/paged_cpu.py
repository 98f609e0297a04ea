"""Paged attention on CPU by a compiled kernel."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from sightline_common.native.library import CompilationError

from sightline_generator.attention.base import (
    Attention,
    AttentionDemand,
    AttentionMetadata,
    Feature,
)
from sightline_generator.attention.sdpa import (
    Group,
    SdpaAttention,
    attend_group,
    rows_of,
    sequences_with_one_query,
)
from sightline_generator.native.library import library
from sightline_generator.native.threads import num_threads

PARALLEL_FROM = 1 << 17
"""Fewer keys times head sizes than this are not worth waking a second thread."""
_KERNELS = {
    torch.float32: "paged_attention_float32",
    torch.float64: "paged_attention_float64",
}


class _Queries(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("count", "num_heads", "num_kv_heads", "head_size")),
        *((name, ctypes.c_int64) for name in ("block_size", "table_width", "query_stride")),
        *((name, ctypes.c_void_p) for name in ("tables", "sequences", "lengths", "slopes")),
        ("scale", ctypes.c_double),
    ]


@dataclass(frozen=True)
class SingleQueries:
    """Sequences with one query each; `rows` are their places in the flat batch."""

    rows: slice | torch.Tensor
    block_table: torch.Tensor
    sequences: torch.Tensor
    lengths: torch.Tensor
    slopes: torch.Tensor | None
    num_keys: int


@dataclass(frozen=True)
class PagedPlan:
    """Divides a step into sequences with one query and those with more."""

    single: SingleQueries | None
    groups: list[Group]


class PagedCpuAttention(Attention[PagedPlan]):
    """Reads keys and values where they lie while decoding; prefills as SDPA does."""

    name = "paged-cpu"
    features = frozenset(Feature)
    native = True

    def __init__(self, block_size: int, dtype: torch.dtype) -> None:
        super().__init__(block_size, dtype)
        self._several = SdpaAttention(block_size, dtype)
        self._kernel = getattr(library(), _KERNELS[dtype])

    @classmethod
    def refusal(cls, demand: AttentionDemand) -> str | None:
        if demand.device.type != "cpu":
            return "runs on the CPU"
        if demand.dtype not in _KERNELS:
            return "computes in float32 and float64 only"
        try:
            library()
        except CompilationError as error:
            return f"is not to be had: {error}"
        return None

    def plan(self, metadata: AttentionMetadata) -> PagedPlan:
        starts = metadata.cu_seqlens_q.tolist()
        members = sequences_with_one_query(starts)
        return PagedPlan(
            single=_single_queries(metadata, starts, members) if members else None,
            groups=self._several.plan_others(metadata, starts),
        )

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: PagedPlan,
        scale: float,
    ) -> torch.Tensor:
        if plan.single is not None and not plan.groups:
            return self._decode(query, key_cache, value_cache, plan.single, scale)
        output = torch.empty_like(query)
        for group in plan.groups:
            output[group.rows] = attend_group(query, key_cache, value_cache, group, scale)
        if plan.single is not None:
            rows = plan.single.rows
            output[rows] = self._decode(query[rows], key_cache, value_cache, plan.single, scale)
        return output

    def _decode(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        single: SingleQueries,
        scale: float,
    ) -> torch.Tensor:
        num_seqs, num_heads, head_size = query.shape
        if query.stride()[1:] != (head_size, 1):
            query = query.contiguous()
        output = torch.empty((num_seqs, num_heads, head_size), dtype=query.dtype)
        num_kv_heads = key_cache.shape[2]
        queries = _Queries(
            num_seqs,
            num_heads,
            num_kv_heads,
            head_size,
            self.block_size,
            single.block_table.shape[1],
            query.stride(0),
            single.block_table.data_ptr(),
            single.sequences.data_ptr(),
            single.lengths.data_ptr(),
            None if single.slopes is None else single.slopes.data_ptr(),
            scale,
        )
        work = single.num_keys * num_kv_heads * head_size
        tensors = (query, key_cache, value_cache, output)
        self._kernel(
            ctypes.byref(queries),
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors),
            num_threads() if work >= PARALLEL_FROM else 1,
        )
        return output


def _single_queries(
    metadata: AttentionMetadata, starts: list[int], members: list[int]
) -> SingleQueries:
    table, lengths = metadata.block_table, metadata.seqused_k
    if len(members) < len(starts) - 1:
        table, lengths = table[members], lengths[members]
    slopes = metadata.alibi_slopes
    return SingleQueries(
        rows=rows_of(starts, members, table.device),
        block_table=table.contiguous(),
        sequences=torch.arange(len(table), dtype=torch.int32),
        lengths=lengths.contiguous(),
        slopes=None if slopes is None else slopes.float().contiguous(),
        num_keys=int(lengths.sum()),
    )
