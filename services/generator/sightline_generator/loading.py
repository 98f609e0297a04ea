"""Opens everything that the servicer needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import torch
from prometheus_client import CollectorRegistry
from sightline_common.errors import SightlineError
from sightline_common.tls import client_tls

from sightline_generator.answer_metrics import AnswerMetrics
from sightline_generator.answering import Answering, AnswerRules
from sightline_generator.chat.prompt import PromptBuilder
from sightline_generator.chat.reasoning import AnswerSyntax
from sightline_generator.config import GeneratorSettings
from sightline_generator.encoder_client import EncoderClient
from sightline_generator.encoder_pool import EncoderPool
from sightline_generator.encoder_targets import EncoderTargets
from sightline_generator.encoder_watch import EncoderWatch
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.engine import Engine
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits
from sightline_generator.engine_metrics import register_engine
from sightline_generator.families.base import Family
from sightline_generator.loaded_model import (
    LoadedModel,
    load_checkpoint,
    max_model_len,
    with_kv_cache,
)
from sightline_generator.media_index import MediaIndex
from sightline_generator.media_store import MediaStore
from sightline_generator.model_info import model_info, videos_supported
from sightline_generator.preparation import Preparation
from sightline_generator.servicer import GeneratorServicer
from sightline_generator.statistics import Statistics
from sightline_generator.validation import MAX_CANDIDATES, RequestLimits


@asynccontextmanager
async def open_servicer(
    settings: GeneratorSettings,
    on_death: Callable[[SightlineError], None],
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[GeneratorServicer]:
    """Loads the model, waits for the encoder, and runs the engine while it is open.

    The KV cache is sized last: an encoder that shares the GPU, or the machine, has taken its
    memory by the time that it answers. `on_death` is called when the engine cannot go on;
    `registry` gets the metrics. Raises SettingInvalidError, CheckpointError, or
    ModelMismatchError.
    """
    loaded = await asyncio.to_thread(load_checkpoint, settings)
    # Hashing tens of gigabytes takes seconds, too.
    fingerprint = await asyncio.to_thread(lambda: loaded.checkpoint.fingerprint)
    async with open_encoders(fingerprint, loaded.weights.family, settings) as encoders:
        model = await asyncio.to_thread(with_kv_cache, loaded, settings)
        engine = make_engine(model, settings)
        engine.start(on_death)
        try:
            yield make_servicer(model, encoders, engine, settings, registry)
        finally:
            await engine.stop()


@asynccontextmanager
async def open_encoders(
    fingerprint: str, family: Family, settings: GeneratorSettings
) -> AsyncIterator[EncoderPool]:
    """Waits for the first encoder and looks after all of them while it is open."""
    targets = EncoderTargets.parse(settings.encoder_target)
    tls = client_tls(settings)
    pool = EncoderPool(
        lambda address: EncoderClient(
            address, fingerprint, family, tls, targets.server_name(address)
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
    return AsyncEngine(
        engine, settings.queue_limit, settings.queue_bytes, settings.stream_interval_s
    )


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
