"""Paged attention on CPU by a small kernel that is compiled when the server starts."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

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

SOURCE = Path(__file__).with_name("paged_cpu.cpp")
COMPILE = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
COMPILE_TIMEOUT_S = 120.0
PARALLEL_FROM = 1 << 17
"""Fewer keys times head sizes than this are not worth waking a second thread."""
_KERNELS = {
    torch.float32: "paged_attention_float32",
    torch.float64: "paged_attention_float64",
}


class CompilationError(RuntimeError):
    """Means that the kernel cannot be had on this machine."""


class _Shape(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            "num_seqs",
            "num_heads",
            "num_kv_heads",
            "head_size",
            "block_size",
            "table_width",
            "query_stride",
        )
    ]


@cache
def library() -> ctypes.CDLL:
    """Compiles and loads the kernels, once a process; raises CompilationError.

    OpenMP's runtime is not linked: its symbols are those that torch has loaded, so that
    both share one pool of threads.
    """
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        raise CompilationError("there is no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        built, linked = Path(folder, "paged_cpu.o"), Path(folder, "paged_cpu.so")
        _run(compiler, *COMPILE, "-fPIC", "-fopenmp", "-c", str(SOURCE), "-o", str(built))
        _run(compiler, "-shared", str(built), "-o", str(linked))
        try:
            return _declared(ctypes.CDLL(str(linked)))
        except OSError as error:
            raise CompilationError(f"the compiled kernel cannot be loaded: {error}") from error


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise CompilationError(f"{command[0]} cannot compile the kernel: {error}") from error


def _declared(loaded: ctypes.CDLL) -> ctypes.CDLL:
    pointers = [ctypes.c_void_p] * 7
    for name in _KERNELS.values():
        kernel = getattr(loaded, name)
        kernel.restype = None
        kernel.argtypes = [*pointers, ctypes.POINTER(_Shape), ctypes.c_double, ctypes.c_int]
    return loaded


@dataclass(frozen=True)
class SingleQueries:
    """Sequences with one query each; `rows` are their places in the flat batch."""

    rows: slice | torch.Tensor
    block_table: torch.Tensor
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
        shape = _Shape(
            num_seqs,
            num_heads,
            num_kv_heads,
            head_size,
            self.block_size,
            single.block_table.shape[1],
            query.stride(0),
        )
        work = single.num_keys * num_kv_heads * head_size
        self._kernel(
            query.data_ptr(),
            key_cache.data_ptr(),
            value_cache.data_ptr(),
            single.block_table.data_ptr(),
            single.lengths.data_ptr(),
            None if single.slopes is None else single.slopes.data_ptr(),
            output.data_ptr(),
            shape,
            scale,
            torch.get_num_threads() if work >= PARALLEL_FROM else 1,
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
        lengths=lengths.contiguous(),
        slopes=None if slopes is None else slopes.float().contiguous(),
        num_keys=int(lengths.sum()),
    )
