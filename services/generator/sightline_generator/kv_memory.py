"""How many blocks the KV cache has: as many as fit in what is free after loading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from sightline_common.config import SettingInvalidError

from sightline_generator.config import GeneratorSettings
from sightline_generator.engine.model_runner import KVCache, ModelRunner, kv_block_bytes
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.sequence import SamplingParams, Sequence
from sightline_generator.engine.stop import StopParams, TextPiece
from sightline_generator.families.base import Family
from sightline_generator.free_memory import available_bytes
from sightline_generator.graph_capture import graph_bytes
from sightline_generator.graph_capture import refusal as graph_refusal
from sightline_generator.loaded_weights import LoadedWeights

CUDA_SHARE, CPU_SHARE = 0.9, 0.25
"""On a GPU the engine is at home; a CPU's memory it shares with everything else."""


@dataclass(frozen=True)
class KVCachePlan:
    """Says how many blocks the KV cache gets, and why.

    `free_bytes` were free after loading, `step_bytes` of them are left to the largest step,
    `graph_bytes` to CUDA graphs.
    """

    num_blocks: int
    block_bytes: int
    free_bytes: int
    step_bytes: int
    graph_bytes: int = 0

    @property
    def num_bytes(self) -> int:
        return self.num_blocks * self.block_bytes


def plan_kv_cache(settings: GeneratorSettings, weights: LoadedWeights) -> KVCachePlan:
    """Sizes the KV cache; raises SettingInvalidError when it cannot hold two blocks."""
    family, attention, device = weights.family, weights.attention, weights.device
    block_bytes = kv_block_bytes(family.shape, attention.block_size, weights.dtype)
    if settings.kv_cache_bytes:
        plan = KVCachePlan(settings.kv_cache_bytes // block_bytes, block_bytes, 0, 0)
    elif device.type == "cuda":
        step_bytes = largest_step_bytes(settings, weights)
        captured = graph_refusal(settings, attention, device) is None
        for_graphs = graph_bytes(settings, weights) if captured else 0
        free_bytes = torch.cuda.mem_get_info(device)[0]
        share = settings.kv_cache_share or CUDA_SHARE
        plan = _plan(share, block_bytes, free_bytes, step_bytes, for_graphs)
    else:
        plan = _plan(settings.kv_cache_share or CPU_SHARE, block_bytes, available_bytes(), 0)
        plan = _useful(plan, settings, family, attention.block_size)
    if plan.num_blocks < 2:
        raise SettingInvalidError(
            f"The KV cache has room for {plan.num_blocks} blocks of {block_bytes} bytes and needs "
            "two at least; raise SIGHTLINE_GENERATOR_KV_CACHE_BYTES or free memory."
        )
    return plan


def _plan(
    share: float, block_bytes: int, free_bytes: int, step_bytes: int, for_graphs: int = 0
) -> KVCachePlan:
    room = int(share * max(0, free_bytes - step_bytes - for_graphs))
    return KVCachePlan(room // block_bytes, block_bytes, free_bytes, step_bytes, for_graphs)


def _useful(
    plan: KVCachePlan, settings: GeneratorSettings, family: Family, block_size: int
) -> KVCachePlan:
    """Bounds a plan by what all sequences that run together can fill at full length."""
    length = min(settings.max_model_len, family.shape.max_positions)
    most = settings.max_num_seqs * -(-length // block_size)
    return replace(plan, num_blocks=min(plan.num_blocks, most))


def largest_step_bytes(settings: GeneratorSettings, weights: LoadedWeights) -> int:
    """Runs the largest step that may come and returns what it took on the GPU beside its KV.

    One long prompt fills the token budget, and every other sequence samples a token.
    """
    lengths = [settings.max_num_batched_tokens - settings.max_num_seqs + 1]
    lengths += [1] * (settings.max_num_seqs - 1)
    lengths = [length for length in lengths if length > 0]
    family, device, dtype = weights.family, weights.device, weights.dtype
    size = weights.attention.block_size
    num_blocks = sum(-(-length // size) for length in lengths)

    def step() -> None:
        cache = KVCache(family.shape, num_blocks, size, device, dtype)
        chunks = _profile_chunks(lengths, size)
        logits = ModelRunner(weights.model, cache, weights.attention).run(chunks)
        Sampler(waits=False).sample(logits, [chunk.sequence for chunk in chunks]).tokens()

    kv_bytes = (num_blocks + 2) * kv_block_bytes(family.shape, size, dtype)
    return max(0, _peak_bytes(step, device) - kv_bytes)


def _peak_bytes(step: Callable[[], None], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    step()
    torch.cuda.synchronize(device)
    peak = torch.cuda.max_memory_allocated(device) - before
    torch.cuda.empty_cache()
    return int(peak)


def _profile_chunks(lengths: list[int], block_size: int) -> list[ScheduledChunk]:
    chunks, first = [], 1
    for length in lengths:
        sequence = Sequence(
            prompt_token_ids=[0] * length,
            position_ids=torch.arange(length).expand(3, -1),
            position_delta=0,
            sampling=SamplingParams(
                temperature=1.0, top_p=0.9, repetition_penalty=1.1, num_logprobs=1
            ),
            stop=StopParams(1),
            reader=_NoText(),
        )
        num_blocks = -(-length // block_size)
        sequence.block_table.extend(range(first, first + num_blocks))
        first += num_blocks
        chunks.append(ScheduledChunk(sequence, length))
    return chunks


class _NoText:
    """Reads nothing: a profiled token is never shown."""

    num_reasoning_tokens = 0

    def push(self, token_id: int) -> TextPiece:
        return TextPiece()

    def flush(self) -> TextPiece:
        return TextPiece()
