"""A model with its KV cache, ready to compute."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from sightline_common.checkpoint import Checkpoint, resolve_checkpoint
from sightline_common.telemetry import log

from sightline_generator.chat.template import ChatTemplate
from sightline_generator.chat.vocabulary import Vocabulary
from sightline_generator.config import GeneratorSettings
from sightline_generator.defaults import SamplingDefaults, sampling_defaults
from sightline_generator.engine.model_runner import KVCache, ModelRunner
from sightline_generator.families.base import Family
from sightline_generator.graph_capture import capture_graphs
from sightline_generator.graph_capture import refusal as graph_refusal
from sightline_generator.kv_memory import plan_kv_cache
from sightline_generator.loaded_weights import LoadedWeights, load_weights
from sightline_generator.native.threads import take_over_threads

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedCheckpoint:
    """Holds what was read from a checkpoint."""

    checkpoint: Checkpoint
    vocabulary: Vocabulary
    template: ChatTemplate
    defaults: SamplingDefaults
    weights: LoadedWeights


@dataclass(frozen=True)
class LoadedModel:
    """Holds everything that depends on the checkpoint alone."""

    checkpoint: Checkpoint
    fingerprint: str
    family: Family
    vocabulary: Vocabulary
    template: ChatTemplate
    defaults: SamplingDefaults
    runner: ModelRunner
    device: torch.device


def load_model(settings: GeneratorSettings) -> LoadedModel:
    """Reads the checkpoint and gives the model a KV cache at once."""
    return with_kv_cache(load_checkpoint(settings), settings)


def load_checkpoint(settings: GeneratorSettings) -> LoadedCheckpoint:
    """Reads all of a checkpoint, the small parts first.

    Whatever is wrong without having to be measured is told here: SettingInvalidError, or
    CheckpointError.
    """
    checkpoint = resolve_checkpoint(settings.model)
    loaded = LoadedCheckpoint(
        checkpoint=checkpoint,
        vocabulary=Vocabulary.load(checkpoint.folder),
        template=ChatTemplate.load(checkpoint.folder),
        defaults=sampling_defaults(checkpoint),
        weights=load_weights(checkpoint, settings),
    )
    if settings.kv_cache_bytes:
        plan_kv_cache(settings, loaded.weights)
    return loaded


def with_kv_cache(loaded: LoadedCheckpoint, settings: GeneratorSettings) -> LoadedModel:
    """Sizes the KV cache by what is free now, allocates it, and captures CUDA graphs.

    Raises SettingInvalidError when there is no room for it.
    """
    weights = loaded.weights
    runner = ModelRunner(weights.model, _kv_cache(weights, settings), weights.attention)
    without_graphs = graph_refusal(settings, weights.attention, weights.device)
    if without_graphs is None:
        capture_graphs(runner, settings, weights.family)
    else:
        log(_logger, "no cuda graphs", reason=without_graphs)
    if runner.is_native:
        take_over_threads(torch.get_num_threads())
    return LoadedModel(
        checkpoint=loaded.checkpoint,
        fingerprint=loaded.checkpoint.fingerprint,
        family=weights.family,
        vocabulary=loaded.vocabulary,
        template=loaded.template,
        defaults=loaded.defaults,
        runner=runner,
        device=weights.device,
    )


def _kv_cache(weights: LoadedWeights, settings: GeneratorSettings) -> KVCache:
    plan, block_size = plan_kv_cache(settings, weights), weights.attention.block_size
    cache = KVCache(
        weights.family.shape, plan.num_blocks, block_size, weights.device, weights.dtype
    )
    log(
        _logger,
        "kv cache allocated",
        num_blocks=plan.num_blocks,
        num_tokens=plan.num_blocks * block_size,
        num_bytes=plan.num_bytes,
        free_bytes=plan.free_bytes,
        step_bytes=plan.step_bytes,
        graph_bytes=plan.graph_bytes,
    )
    return cache


def max_model_len(model: LoadedModel, settings: GeneratorSettings) -> int:
    """Returns the tokens that one sequence may have: setting, positions, and KV cache bound it."""
    num_slots = model.runner.cache.num_blocks * model.runner.cache.block_size
    return min(settings.max_model_len, model.family.shape.max_positions, num_slots)
