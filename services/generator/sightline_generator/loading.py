"""Opens everything that the servicer needs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import torch
from prometheus_client import CollectorRegistry
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.checkpoint import Checkpoint, resolve_checkpoint
from sightline_common.config import SettingInvalidError
from sightline_common.errors import SightlineError
from sightline_common.telemetry import log
from sightline_common.tensors import DATA_TYPES
from sightline_common.tls import client_tls

from sightline_generator.answer_metrics import AnswerMetrics
from sightline_generator.answering import Answering, AnswerRules
from sightline_generator.attention.base import AttentionDemand
from sightline_generator.attention.registry import choose_attention
from sightline_generator.chat.prompt import PromptBuilder
from sightline_generator.chat.reasoning import AnswerSyntax
from sightline_generator.chat.template import ChatTemplate
from sightline_generator.chat.vocabulary import Vocabulary
from sightline_generator.config import GeneratorSettings
from sightline_generator.conversion import default_sampling_message
from sightline_generator.defaults import SamplingDefaults, sampling_defaults
from sightline_generator.encoder_client import EncoderClient
from sightline_generator.encoder_pool import EncoderPool
from sightline_generator.encoder_targets import EncoderTargets
from sightline_generator.encoder_watch import EncoderWatch
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.engine import Engine
from sightline_generator.engine.model_runner import KVCache, ModelRunner, kv_block_bytes
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits
from sightline_generator.engine_metrics import register_engine
from sightline_generator.families.base import Family, MediaKind
from sightline_generator.families.registry import family_of
from sightline_generator.graph_capture import capture_graphs
from sightline_generator.graph_capture import refusal as graph_refusal
from sightline_generator.kv_memory import plan_kv_cache
from sightline_generator.media_index import MediaIndex
from sightline_generator.media_store import MediaStore
from sightline_generator.native.threads import take_over_threads
from sightline_generator.preparation import Preparation
from sightline_generator.servicer import GeneratorServicer
from sightline_generator.statistics import Statistics
from sightline_generator.validation import MAX_CANDIDATES, RequestLimits

BLOCK_SIZE = 16
"""The tokens of a KV block, where the attention kernel does not ask for more."""
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}
_logger = logging.getLogger(__name__)


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


@asynccontextmanager
async def open_servicer(
    settings: GeneratorSettings,
    on_death: Callable[[SightlineError], None],
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[GeneratorServicer]:
    """Loads the model, waits for the encoder, and runs the engine while it is open.

    `on_death` is called when the engine cannot go on; `registry` gets the metrics. Raises
    SettingInvalidError, CheckpointError, or ModelMismatchError.
    """
    model = await asyncio.to_thread(load_model, settings)
    async with open_encoders(model, settings) as encoders:
        engine = make_engine(model, settings)
        engine.start(on_death)
        try:
            yield make_servicer(model, encoders, engine, settings, registry)
        finally:
            await engine.stop()


@asynccontextmanager
async def open_encoders(
    model: LoadedModel, settings: GeneratorSettings
) -> AsyncIterator[EncoderPool]:
    """Waits for the first encoder and looks after all of them while it is open."""
    targets = EncoderTargets.parse(settings.encoder_target)
    tls = client_tls(settings)
    pool = EncoderPool(
        lambda address: EncoderClient(
            address, model.fingerprint, model.family, tls, targets.server_name(address)
        ),
        settings.encode_timeout_s,
        settings.encoder_load_factor,
    )
    watch = EncoderWatch(
        pool, targets, settings.encoder_probe_interval_s, settings.encoder_probe_timeout_s
    )
    try:
        await watch.wait_until_ready()
        async with watch.watching():
            yield pool
    finally:
        await pool.close()


def load_model(settings: GeneratorSettings) -> LoadedModel:
    """Reads the checkpoint and allocates the KV cache; takes seconds."""
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    device = _device(settings.device)
    dtype = _dtype(settings.dtype, device)
    checkpoint = resolve_checkpoint(settings.model)
    family = family_of(checkpoint)
    log(_logger, "loading weights", folder=checkpoint.folder, device=device, dtype=dtype)
    tensors = checkpoint.load_tensors(family.rename_tensor, dtype)
    language_model = family.build(tensors, device)
    demand = AttentionDemand(device, dtype, family.shape.head_size, family.attention_features)
    attention = choose_attention(settings.attention, BLOCK_SIZE, demand)
    plan = plan_kv_cache(settings, family, language_model, attention, device, dtype)
    cache = KVCache(family.shape, plan.num_blocks, attention.block_size, device, dtype)
    log(_logger, "model loaded", attention=attention.name, device=device)
    log(
        _logger,
        "kv cache allocated",
        num_blocks=plan.num_blocks,
        num_tokens=plan.num_blocks * attention.block_size,
        num_bytes=plan.num_bytes,
        free_bytes=plan.free_bytes,
        step_bytes=plan.step_bytes,
        graph_bytes=plan.graph_bytes,
    )
    runner = ModelRunner(language_model, cache, attention)
    without_graphs = graph_refusal(settings, attention, device)
    if without_graphs is None:
        capture_graphs(runner, settings, family)
    else:
        log(_logger, "no cuda graphs", reason=without_graphs)
    if runner.is_native:
        take_over_threads(torch.get_num_threads())
    return LoadedModel(
        checkpoint=checkpoint,
        fingerprint=checkpoint.fingerprint,
        family=family,
        vocabulary=Vocabulary.load(checkpoint.folder),
        template=ChatTemplate.load(checkpoint.folder),
        defaults=sampling_defaults(checkpoint),
        runner=runner,
        device=device,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingInvalidError(
            f"SIGHTLINE_GENERATOR_DEVICE={name!r} is not a device; use auto, cpu or cuda:0."
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SettingInvalidError(f"SIGHTLINE_GENERATOR_DEVICE={name}, but torch sees no GPU.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if name not in _DTYPES:
        raise SettingInvalidError(
            f"SIGHTLINE_GENERATOR_DTYPE={name!r} is unknown; use auto or {', '.join(_DTYPES)}."
        )
    return _DTYPES[name]


def max_model_len(model: LoadedModel, settings: GeneratorSettings) -> int:
    """Returns the tokens that one sequence may have: setting, positions, and KV cache bound it."""
    num_slots = model.runner.cache.num_blocks * model.runner.cache.block_size
    return min(settings.max_model_len, model.family.shape.max_positions, num_slots)


def overlaps(settings: GeneratorSettings, device: torch.device) -> bool:
    """Tells whether the engine schedules a step while the one before runs."""
    # On a CPU the host is the device: there is nothing to hide, and each late end costs a row.
    automatic = "on" if device.type == "cuda" else "off"
    return (automatic if settings.overlap == "auto" else settings.overlap) == "on"


def make_engine(model: LoadedModel, settings: GeneratorSettings) -> AsyncEngine:
    """Returns an engine that is not yet started."""
    limits = SchedulerLimits(
        settings.max_num_seqs, settings.max_num_batched_tokens, settings.max_step_s
    )
    cache = model.runner.cache
    blocks = BlockManager(cache.num_blocks, cache.block_size, caching=settings.prefix_cache)
    # Asking the device whether a few candidates suffice costs nothing where it is the host.
    sampler = Sampler(waits=model.device.type == "cpu")
    overlap = overlaps(settings, model.device)
    engine = Engine(Scheduler(limits, blocks), model.runner, sampler, overlap=overlap)
    return AsyncEngine(engine, settings.queue_limit, settings.queue_bytes)


def make_servicer(
    model: LoadedModel,
    encoder: EncoderPool,
    engine: AsyncEngine,
    settings: GeneratorSettings,
    registry: CollectorRegistry | None = None,
) -> GeneratorServicer:
    """Wires a servicer to a model, an encoder and a running engine, and all to the metrics."""
    registry = registry or CollectorRegistry()
    length = max_model_len(model, settings)
    builder = PromptBuilder(model.family, model.vocabulary, model.template)
    store = MediaStore(settings.media_store_bytes, settings.media_ttl_s)
    index = MediaIndex(settings.media_index_bytes, model.runner.cache.block_size)
    info = model_info(model, settings)
    register_engine(registry, engine, info)
    rules = AnswerRules(
        defaults=model.defaults,
        syntax=AnswerSyntax.of(model.family.syntax, model.vocabulary),
        token_bytes=_padded_token_bytes(model),
        max_model_len=length,
        default_max_tokens=settings.default_max_tokens,
        reader_timeout_s=settings.reader_timeout_s,
    )
    preparation = Preparation(builder, encoder, store, index, max_prompt_tokens=length - 1)
    return GeneratorServicer(
        engine=engine,
        preparation=preparation,
        store=store,
        limits=RequestLimits(
            model=settings.served_name,
            vocabulary_size=model.family.shape.vocabulary_size,
            max_media=settings.max_media,
            max_candidates=min(MAX_CANDIDATES, engine.max_admissions),
            thinking_supported=model.template.thinking_supported,
            videos_supported=videos_supported(model),
        ),
        answering=Answering(engine, preparation, rules, info, AnswerMetrics(registry)),
        info=info,
        statistics=Statistics(engine, encoder),
    )


def _padded_token_bytes(model: LoadedModel) -> list[bytes]:
    # Models may have more rows than their tokenizer has tokens; those mean nothing.
    known = model.vocabulary.token_bytes
    return known + [b""] * max(0, model.family.shape.vocabulary_size - len(known))


def videos_supported(model: LoadedModel) -> bool:
    """Tells whether the checkpoint has a token and a processor for videos."""
    has_token = MediaKind.VIDEO in model.family.placeholder_ids.values()
    return has_token and model.checkpoint.video_processor is not None


def _media_kinds(model: LoadedModel) -> list[media_pb2.MediaKind]:
    videos = [media_pb2.MEDIA_KIND_VIDEO] if videos_supported(model) else []
    return [media_pb2.MEDIA_KIND_IMAGE, *videos]


def model_info(
    model: LoadedModel, settings: GeneratorSettings
) -> generator_pb2.GetModelInfoResponse:
    """Describes what is served."""
    cache = model.runner.cache
    block_bytes = kv_block_bytes(model.family.shape, cache.block_size, cache.dtype)
    return generator_pb2.GetModelInfoResponse(
        model=settings.served_name,
        checkpoint_fingerprint=model.fingerprint,
        architecture=str(model.checkpoint.config["model_type"]),
        max_token_count=max_model_len(model, settings),
        max_message_byte_count=settings.max_message_bytes,
        max_media_count=settings.max_media,
        media_kinds=_media_kinds(model),
        default_sampling=default_sampling_message(model.defaults),
        default_max_token_count=settings.default_max_tokens,
        attention=model.runner.attention_name,
        data_type=DATA_TYPES[cache.dtype],
        device=str(model.device),
        block_token_count=cache.block_size,
        block_count=cache.num_blocks,
        kv_cache_byte_count=cache.num_blocks * block_bytes,
        prefix_caching=settings.prefix_cache,
        vocabulary_size=model.family.shape.vocabulary_size,
        thinking_supported=model.template.thinking_supported,
        version=version("sightline-generator"),
    )
