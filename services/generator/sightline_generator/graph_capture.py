"""Captures decoding steps at start-up, and foresees the memory that this takes."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from sightline_common.config import SettingInvalidError
from sightline_common.telemetry import log

from sightline_generator.attention.base import Attention
from sightline_generator.config import GeneratorSettings
from sightline_generator.engine.decode_graphs import Capture, CudaCapture
from sightline_generator.engine.graph_shapes import GraphShape, graph_sizes
from sightline_generator.engine.model_runner import KVCache, ModelRunner
from sightline_generator.families.base import Family
from sightline_generator.loaded_weights import LoadedWeights

_logger = logging.getLogger(__name__)


def refusal(
    settings: GeneratorSettings, attention: Attention[object], device: torch.device
) -> str | None:
    """Returns why decoding steps are not captured; None if they are."""
    if device.type != "cuda":
        return f"{device} has no CUDA graphs"
    if not settings.cuda_graphs:
        return "SIGHTLINE_GENERATOR_CUDA_GRAPHS is off"
    if not attention.capturable:
        return f"the attention implementation {attention.name} cannot be captured"
    return None


def max_sequence_tokens(settings: GeneratorSettings, family: Family) -> int:
    """Returns the tokens that captured steps have block tables for."""
    return min(settings.max_model_len, family.shape.max_positions)


def capture_graphs(runner: ModelRunner, settings: GeneratorSettings, family: Family) -> None:
    """Captures one graph for each shape, and tells how far it is.

    Raises SettingInvalidError where that fails. Going on would not be safe: what a broken
    capture leaves behind in torch and on the device cannot be cleared away.
    """
    length, capture = max_sequence_tokens(settings, family), CudaCapture(runner.cache.device)
    shapes = runner.graph_shapes(graph_sizes(settings.max_num_seqs), length)
    began = time.monotonic()
    for count, shape in enumerate(_captured(runner, shapes, length, capture), start=1):
        log(
            _logger,
            "cuda graph captured",
            batch_size=shape.num_seqs,
            num_blocks=shape.num_used_blocks,
            count=count,
            total=len(shapes),
        )
    seconds = round(time.monotonic() - began, 1)
    sizes = sorted({shape.num_seqs for shape in shapes})
    log(_logger, "cuda graphs captured", sizes=sizes, count=len(shapes), seconds=seconds)


def graph_bytes(settings: GeneratorSettings, weights: LoadedWeights) -> int:
    """Captures three graphs over a small cache and returns what all will take.

    The two largest and the smallest. Raises SettingInvalidError where that fails.
    """
    family, attention, device = weights.family, weights.attention, weights.device
    cache = KVCache(family.shape, 1, attention.block_size, device, weights.dtype)
    runner = ModelRunner(weights.model, cache, attention)
    length = max_sequence_tokens(settings, family)
    shapes = runner.graph_shapes(graph_sizes(settings.max_num_seqs), length)
    free_bytes = [_free_bytes(device)]
    probes = {*shapes[-2:], *shapes[:1]}
    for _shape in _captured(runner, sorted(probes), length, CudaCapture(device)):
        free_bytes.append(_free_bytes(device))
    del runner, cache
    _free_bytes(device)
    return foreseen_bytes(free_bytes, len(shapes))


def _captured(
    runner: ModelRunner, shapes: Sequence[GraphShape], max_num_tokens: int, capture: Capture
) -> Iterator[GraphShape]:
    try:
        yield from runner.capture(shapes, max_num_tokens, capture)
    except RuntimeError as error:
        # A capture that something spoilt ends with an error of its own, and its cause before it.
        reason = error.__context__ or error
        raise SettingInvalidError(
            f"Decoding steps could not be captured in CUDA graphs ({reason}); "
            "set SIGHTLINE_GENERATOR_CUDA_GRAPHS=false to start without."
        ) from error


def foreseen_bytes(free_bytes: list[int], num_graphs: int) -> int:
    """Returns what all graphs take, given what was free before the first and after each.

    The first brings the buffers and the memory that the others, which are smaller, share;
    each of those is taken to add as much as the one of the later that added most.
    """
    steps = [before - after for before, after in pairwise(free_bytes)]
    first, *later = (max(0, step) for step in steps)
    return first + max(later, default=0) * (num_graphs - 1)


def _free_bytes(device: torch.device) -> int:
    gc.collect()
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    return int(torch.cuda.mem_get_info(device)[0])
