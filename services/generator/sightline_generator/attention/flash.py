"""FlashAttention over paged caches: torch's own kernels, and the flash-attn packages'."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import ClassVar

import torch

from sightline_generator.attention.base import (
    Attention,
    AttentionDemand,
    AttentionMetadata,
    Feature,
)

Kernel = Callable[..., torch.Tensor]

AMPERE, HOPPER = 8, 9
"""Major compute capabilities."""
MAX_HEAD_SIZE = 256
FLASH_ATTN_MINIMUM = (2, 6)
"""The first flash-attn release line whose varlen kernel takes a block table reliably."""


@dataclass(frozen=True)
class FlashPlan:
    """A step's metadata with `cu_seqlens_k` [num_seqs + 1] int32, the cumulative `seqused_k`."""

    metadata: AttentionMetadata
    cu_seqlens_k: torch.Tensor


@dataclass(frozen=True)
class GatherPlan(FlashPlan):
    """`cu_seqlens_k` counts whole blocks; `blocks` are those of all sequences, in order.

    Behind them stand others, which nobody reads, where a step has room for more.
    """

    blocks: torch.Tensor


class FlashAttention(Attention[FlashPlan]):
    """What the FlashAttention kernels share: NVIDIA GPUs from Ampere on, 16-bit types.

    Nothing here waits for the device, so that a step can be captured in a CUDA graph.
    """

    features: ClassVar[frozenset[Feature]] = frozenset({Feature.NON_CAUSAL})

    @classmethod
    def refusal(cls, demand: AttentionDemand) -> str | None:
        if demand.device.type != "cuda" or torch.version.hip is not None:
            return "needs an NVIDIA GPU"
        if demand.dtype not in (torch.float16, torch.bfloat16):
            return "computes in float16 and bfloat16 only"
        if demand.head_size % 8 or demand.head_size > MAX_HEAD_SIZE:
            return f"takes head sizes that are multiples of 8 up to {MAX_HEAD_SIZE}"
        major, _minor = torch.cuda.get_device_capability(demand.device)
        return cls.machine_refusal(major)

    @classmethod
    @abstractmethod
    def machine_refusal(cls, major: int) -> str | None:
        """Returns why the GPU's major compute capability or the installed packages rule it out."""

    def plan(self, metadata: AttentionMetadata) -> FlashPlan:
        return FlashPlan(metadata, _cumulative(metadata.seqused_k))


class TorchFlashAttention(FlashAttention):
    """FlashAttention-2 as torch itself carries it, through `torch.nn.attention.varlen`."""

    def __init__(self, block_size: int, dtype: torch.dtype, varlen: Kernel | None = None) -> None:
        super().__init__(block_size, dtype)
        self._varlen = varlen or import_module("torch.nn.attention.varlen").varlen_attn

    @classmethod
    def machine_refusal(cls, major: int) -> str | None:
        return "needs an Ampere GPU or a newer one" if major < AMPERE else None

    def _attend(
        self,
        query: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        plan: FlashPlan,
        scale: float,
        **paging: object,
    ) -> torch.Tensor:
        metadata = plan.metadata
        return self._varlen(
            query,
            keys,
            values,
            metadata.cu_seqlens_q,
            plan.cu_seqlens_k,
            metadata.max_seqlen_q,
            metadata.max_seqlen_k,
            scale=scale,
            window_size=(-1, 0) if metadata.causal else (-1, -1),
            enable_gqa=True,
            seqused_k=metadata.seqused_k,
            **paging,
        )


class GatheredFlashAttention(TorchFlashAttention):
    """Copies each sequence's blocks, of any size, together before every layer.

    Reads keys and values twice and writes them once more, but keeps small blocks, and lets
    the kernel split the keys of a few long sequences over all multiprocessors. It copies as
    many blocks as its step has room for, so a CUDA graph can hold it.
    """

    name = "torch-flash"
    capturable = True
    gathers = True

    def plan(self, metadata: AttentionMetadata) -> GatherPlan:
        counts = (metadata.seqused_k + (self.block_size - 1)) // self.block_size
        starts = _cumulative(counts)
        total = metadata.num_used_blocks
        if total is None:
            total = int(starts[-1])
        table = metadata.block_table
        places = torch.arange(total, dtype=torch.int32, device=table.device)
        rows = torch.searchsorted(starts[1:], places, right=True).clamp(max=len(table) - 1)
        columns = (places - starts[rows]).clamp(max=table.shape[1] - 1)
        return GatherPlan(metadata, starts * self.block_size, table[rows, columns])

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: FlashPlan,
        scale: float,
    ) -> torch.Tensor:
        assert isinstance(plan, GatherPlan), "the plan is another implementation's"
        keys = key_cache.index_select(0, plan.blocks).flatten(0, 1)
        values = value_cache.index_select(0, plan.blocks).flatten(0, 1)
        return self._attend(query, keys, values, plan, scale)


class PagedFlashAttention(TorchFlashAttention):
    """Reads keys and values where they lie, in pages of 256 tokens.

    NOTE: `num_splits=1` forgoes splitting one long sequence over many multiprocessors.
    With splits, this kernel leaves rows of ragged paged batches unwritten
    (pytorch issue 194167); without, a sequence's result does not depend on its batch.
    """

    name = "torch-flash-paged"
    capturable = True
    page_size = 256

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: FlashPlan,
        scale: float,
    ) -> torch.Tensor:
        table = plan.metadata.block_table
        return self._attend(
            query, key_cache, value_cache, plan, scale, block_table=table, num_splits=1
        )


class FlashAttention2(FlashAttention):
    """The flash-attn package, version 2: splits long sequences when all of a batch decodes."""

    name = "flash-attn-2"
    capturable = True
    page_size = 256
    features = frozenset({Feature.NON_CAUSAL, Feature.ALIBI})

    def __init__(
        self,
        block_size: int,
        dtype: torch.dtype,
        varlen: Kernel | None = None,
        decode: Kernel | None = None,
    ) -> None:
        super().__init__(block_size, dtype)
        self._varlen = varlen or import_module("flash_attn").flash_attn_varlen_func
        self._decode = decode or import_module("flash_attn").flash_attn_with_kvcache

    @classmethod
    def machine_refusal(cls, major: int) -> str | None:
        if major < AMPERE:
            return "needs an Ampere GPU or a newer one"
        installed = _installed("flash-attn")
        if installed is None or find_spec("flash_attn") is None:
            return "the package flash-attn is not installed"
        if installed < FLASH_ATTN_MINIMUM:
            return "needs flash-attn 2.6 or newer"
        return None

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: FlashPlan,
        scale: float,
    ) -> torch.Tensor:
        metadata = plan.metadata
        if metadata.max_seqlen_q == 1:
            return self._decode(
                query[:, None],
                key_cache,
                value_cache,
                cache_seqlens=metadata.seqused_k,
                block_table=metadata.block_table,
                softmax_scale=scale,
                causal=metadata.causal,
                alibi_slopes=metadata.alibi_slopes,
            )[:, 0]
        return self._varlen(
            query,
            key_cache,
            value_cache,
            metadata.cu_seqlens_q,
            plan.cu_seqlens_k,
            metadata.max_seqlen_q,
            metadata.max_seqlen_k,
            softmax_scale=scale,
            causal=metadata.causal,
            alibi_slopes=metadata.alibi_slopes,
            block_table=metadata.block_table,
        )


class FlashAttention3(FlashAttention):
    """The flash-attn package, version 3: Hopper GPUs, pages of any size, no ALiBi."""

    name = "flash-attn-3"
    capturable = True

    def __init__(
        self, block_size: int, dtype: torch.dtype, with_kvcache: Kernel | None = None
    ) -> None:
        super().__init__(block_size, dtype)
        self._with_kvcache = (
            with_kvcache or import_module("flash_attn_interface").flash_attn_with_kvcache
        )

    @classmethod
    def machine_refusal(cls, major: int) -> str | None:
        if major != HOPPER:
            return "needs a Hopper GPU"
        if find_spec("flash_attn_interface") is None:
            return "the package flash_attn_interface (FlashAttention-3) is not installed"
        return None

    def forward(
        self,
        query: torch.Tensor,
        key_cache: torch.Tensor,
        value_cache: torch.Tensor,
        plan: FlashPlan,
        scale: float,
    ) -> torch.Tensor:
        metadata = plan.metadata
        return self._with_kvcache(
            query,
            key_cache,
            value_cache,
            cache_seqlens=metadata.seqused_k,
            page_table=metadata.block_table,
            cu_seqlens_q=metadata.cu_seqlens_q,
            max_seqlen_q=metadata.max_seqlen_q,
            softmax_scale=scale,
            causal=metadata.causal,
        )


def _cumulative(counts: torch.Tensor) -> torch.Tensor:
    """Returns the sums of the first 0, 1, ... counts [num_counts + 1] int32."""
    return torch.nn.functional.pad(counts.cumsum(0, dtype=torch.int32), (1, 0))


def _installed(package: str) -> tuple[int, int] | None:
    """Returns a package's major and minor version, None when it is not there."""
    try:
        major, minor, *_rest = version(package).split(".")
    except PackageNotFoundError:
        return None
    return int(major), int(minor)
