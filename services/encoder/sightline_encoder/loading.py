"""Opens everything the servicer needs, each step logged, and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from sightline.type.v1 import media_pb2

from sightline_encoder.batcher import Batcher
from sightline_encoder.config import EncoderSettings
from sightline_encoder.decoded import Decode, Decoded
from sightline_encoder.disk_store import DiskStore
from sightline_encoder.encoder import Encoder
from sightline_encoder.encoder_metrics import register_encoder, register_workers
from sightline_encoder.fair_slots import SMALL_SLOTS
from sightline_encoder.feature_cache import FeatureCache
from sightline_encoder.intake import Intake
from sightline_encoder.loaded_model import lane_threads, load_model, model_fingerprint, pass_patches
from sightline_encoder.logged_step import logged_step
from sightline_encoder.lower_tier import FeatureStore, LowerTier
from sightline_encoder.lower_tiers import LowerTiers
from sightline_encoder.model_info import model_info
from sightline_encoder.resampling_library import resampling_library
from sightline_encoder.servicer import EncoderServicer
from sightline_encoder.shared_store import LOOK_UP_COMMANDS, SharedStore, connect
from sightline_encoder.similar_pictures import SimilarPictures
from sightline_encoder.upload import UploadBudget
from sightline_encoder.video_preprocess import VIDEO_DECODER
from sightline_encoder.worker_pool import WorkerPool
from sightline_encoder.worker_process import WorkerLimits

VIDEO_GRACE_S = 15.0
"""Starting to decode videos, and one frame's time, in seconds."""


@asynccontextmanager
async def open_servicer(
    settings: EncoderSettings, registry: CollectorRegistry | None = None
) -> AsyncIterator[EncoderServicer]:
    """Loads the model, yields the servicer, and stops its workers at the end.

    `registry` gets the metrics. Raises CheckpointError when the checkpoint cannot be served.
    """
    async with AsyncExitStack() as opened:
        kernels = await asyncio.to_thread(logged_step, "resampling", resampling_library)
        pool = opened.enter_context(open_worker_pool(settings, kernels))
        model = await asyncio.to_thread(load_model, settings, file_decode(pool, settings))
        await asyncio.to_thread(logged_step, "workers", pool.wait_ready)
        fingerprint = model_fingerprint(model)
        lower_tiers = await opened.enter_async_context(open_lower_tiers(settings, fingerprint))
        preprocessor = model.preprocessor
        intake = Intake(
            preprocessor.prepare,
            preprocessor.look,
            settings.intake_workers,
            abandon=pool.abandon,
        )
        num_patches = pass_patches(settings, model.tower)
        batcher = Batcher(
            model.tower, num_patches, lane_threads(model.tower), settings.layer_timeout_s
        )
        cache = FeatureCache(settings.cache_bytes)
        similar = SimilarPictures(settings.similar_bytes) if settings.similar_bytes else None
        try:
            encoder = Encoder(intake, batcher, cache, fingerprint, lower_tiers, similar)
            uploads = UploadBudget(settings.upload_bytes)
            info = model_info(model, fingerprint)
            if registry is not None:
                register_encoder(registry, encoder, batcher, uploads, info)
                register_workers(registry, pool)
            yield EncoderServicer(
                encoder,
                preprocessor,
                uploads,
                info,
                settings.upload_timeout_s,
                settings.max_waiting,
            )
        finally:
            intake.close()
            await batcher.close()


@contextmanager
def open_worker_pool(
    settings: EncoderSettings, kernels: Path | None = None
) -> Iterator[WorkerPool]:
    """Starts the processes in which files are decoded, and ends them at the end."""
    limits = WorkerLimits(
        settings.worker_memory_bytes, settings.worker_cpu_s, settings.worker_timeout_s
    )
    num_workers = settings.intake_workers + SMALL_SLOTS
    with closing(WorkerPool(num_workers, limits, settings.quarantine_s, kernels)) as pool:
        yield pool


def file_decode(pool: WorkerPool, settings: EncoderSettings) -> Decode:
    """Returns what decodes files in the pool's processes; videos have times of their own.

    The decoder of videos ends by itself when its time is over: a file is blamed for its
    worker's death only some seconds later.
    """
    seconds = settings.video_decode_s + VIDEO_GRACE_S
    video = WorkerLimits(settings.worker_memory_bytes, seconds, seconds)

    def decode(decoder: str, data: bytes, options: Mapping[str, Any]) -> Decoded:
        return pool.decode(decoder, data, options, video if decoder == VIDEO_DECODER else None)

    return decode


@asynccontextmanager
async def open_lower_tiers(
    settings: EncoderSettings, fingerprint: str
) -> AsyncIterator[LowerTiers]:
    """Opens the tiers that the settings name, and writes what waits at the end.

    Raises SettingInvalidError.
    """
    lower_tiers = LowerTiers(
        [
            LowerTier(store, source, settings.write_queue_bytes)
            for source, store in _stores(settings, fingerprint)
        ]
    )
    await lower_tiers.open()
    try:
        yield lower_tiers
    finally:
        await lower_tiers.close()


def _stores(
    settings: EncoderSettings, fingerprint: str
) -> Iterator[tuple[media_pb2.FeatureSource, FeatureStore]]:
    if settings.disk_cache_dir:
        folder = Path(settings.disk_cache_dir).expanduser()
        disk = DiskStore(folder, settings.disk_cache_bytes, fingerprint)
        yield media_pb2.FEATURE_SOURCE_DISK, disk
    if settings.redis_url:
        client = connect(settings.redis_url, settings.redis_timeout_s)
        look_up_s = LOOK_UP_COMMANDS * settings.redis_timeout_s
        shared = SharedStore(client, settings.redis_ttl_s, fingerprint, look_up_s)
        yield media_pb2.FEATURE_SOURCE_SHARED, shared
