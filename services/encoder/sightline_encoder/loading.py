"""Opens everything the servicer needs, each step logged, and closes it again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
from prometheus_client import CollectorRegistry
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.checkpoint import Checkpoint, resolve_checkpoint
from sightline_common.telemetry import log
from sightline_common.tensors import DATA_TYPES

from sightline_encoder.batcher import Batcher
from sightline_encoder.config import EncoderSettings
from sightline_encoder.decoded import Decode, Decoded, decode_here
from sightline_encoder.disk_store import DiskStore
from sightline_encoder.encoder import Encoder
from sightline_encoder.encoder_metrics import register_encoder, register_workers
from sightline_encoder.fair_slots import SMALL_SLOTS
from sightline_encoder.feature_cache import FeatureCache
from sightline_encoder.feature_key import feature_fingerprint
from sightline_encoder.image import MIME_TYPES, MediaLimits
from sightline_encoder.intake import Intake
from sightline_encoder.lower_tier import FeatureStore, LowerTier
from sightline_encoder.lower_tiers import LowerTiers
from sightline_encoder.preprocess import Preprocessor, load_preprocessor
from sightline_encoder.servicer import EncoderServicer
from sightline_encoder.shared_store import LOOK_UP_COMMANDS, SharedStore, connect
from sightline_encoder.similar_pictures import SimilarPictures
from sightline_encoder.upload import UploadBudget
from sightline_encoder.video_file import VIDEO_MIME_TYPES
from sightline_encoder.video_options import VideoLimits
from sightline_encoder.video_preprocess import VIDEO_DECODER, load_video_preprocessor
from sightline_encoder.vision import Placement, VisionTower, choose_placement, load_vision_tower
from sightline_encoder.worker_pool import WorkerPool
from sightline_encoder.worker_process import WorkerLimits

_logger = logging.getLogger(__name__)
CPU_BATCH_PATCHES, GPU_BATCH_PATCHES = 4096, 16384
CPU_PIXEL_BUDGET, GPU_PIXEL_BUDGET = 2 * 1024**2, 6 * 1024**2
Loaded = TypeVar("Loaded")
VIDEO_GRACE_S = 15.0
"""Starting to decode videos, and one frame's time, in seconds."""


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint's parts that this service runs."""

    checkpoint: Checkpoint
    tower: VisionTower
    preprocessor: Preprocessor


@asynccontextmanager
async def open_servicer(
    settings: EncoderSettings, registry: CollectorRegistry | None = None
) -> AsyncIterator[EncoderServicer]:
    """Loads the model, yields the servicer, and stops its workers at the end.

    `registry` gets the metrics. Raises CheckpointError when the checkpoint cannot be served.
    """
    async with AsyncExitStack() as opened:
        pool = opened.enter_context(open_worker_pool(settings))
        model = await asyncio.to_thread(load_model, settings, file_decode(pool, settings))
        await asyncio.to_thread(_step, "workers", pool.wait_ready)
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
def open_worker_pool(settings: EncoderSettings) -> Iterator[WorkerPool]:
    """Starts the processes in which files are decoded, and ends them at the end."""
    limits = WorkerLimits(
        settings.worker_memory_bytes, settings.worker_cpu_s, settings.worker_timeout_s
    )
    num_workers = settings.intake_workers + SMALL_SLOTS
    with closing(WorkerPool(num_workers, limits, settings.quarantine_s)) as pool:
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


def load_model(settings: EncoderSettings, decode: Decode = decode_here) -> LoadedModel:
    """Reads processor and tower from the checkpoint and runs one picture.

    `decode` says where files will be decoded.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    checkpoint = resolve_checkpoint(settings.model)
    placement = choose_placement(settings.device, settings.dtype)
    _step("fingerprint", lambda: checkpoint.fingerprint)
    budget = whole_pixel_budget(settings, placement)
    video = load_video_preprocessor(checkpoint, video_limits(settings), budget, decode)
    tower = load_vision_tower(checkpoint, placement)
    preprocessor = _step(
        "image processor",
        lambda: load_preprocessor(
            checkpoint,
            media_limits(settings),
            budget,
            decode,
            video,
            settings.max_tiled_pixel_budget if tower.takes_tiles else 0,
        ),
    )
    _step("warm-up", tower.warm_up)
    if placement.device.type != "cpu":
        # Before this service is ready: a generator on the same GPU then shares out the rest.
        _step("largest pass", lambda: tower.reserve_memory(largest_pass(settings, tower)))
    return LoadedModel(checkpoint, tower, preprocessor)


def whole_pixel_budget(settings: EncoderSettings, placement: Placement) -> int:
    """Returns the most pixels of a picture that passes whole: attention costs their square."""
    if settings.max_pixel_budget:
        return settings.max_pixel_budget
    return CPU_PIXEL_BUDGET if placement.device.type == "cpu" else GPU_PIXEL_BUDGET


def model_fingerprint(model: LoadedModel) -> str:
    """Returns the feature fingerprint of a model where it runs."""
    placement = model.tower.placement
    return feature_fingerprint(
        model.checkpoint.fingerprint,
        placement.dtype,
        placement.device.type,
        model.tower.attention,
    )


def pass_patches(settings: EncoderSettings, tower: VisionTower) -> int:
    """Returns how many patches share a pass: few on a CPU, which gains nothing by more."""
    if settings.batch_patches:
        return settings.batch_patches
    return CPU_BATCH_PATCHES if tower.placement.device.type == "cpu" else GPU_BATCH_PATCHES


def largest_pass(settings: EncoderSettings, tower: VisionTower) -> int:
    """Returns the patches of the largest pass: a full one, or one picture that exceeds it."""
    budget = whole_pixel_budget(settings, tower.placement)
    return max(pass_patches(settings, tower), budget // tower.patch_size**2)


def lane_threads(tower: VisionTower) -> int:
    """Returns how many threads passes share; a GPU has one pass at a time."""
    return torch.get_num_threads() if tower.placement.device.type == "cpu" else 1


def media_limits(settings: EncoderSettings) -> MediaLimits:
    """Returns the limits on files that the settings state."""
    return MediaLimits(
        max_file_bytes=settings.max_file_bytes,
        max_pixels=settings.max_pixels,
        max_side=settings.max_side,
        max_aspect_ratio=settings.max_aspect_ratio,
        max_frames=settings.max_frames,
    )


def video_limits(settings: EncoderSettings) -> VideoLimits:
    """Returns the limits on videos that the settings state."""
    return VideoLimits(
        max_file_bytes=settings.max_video_bytes,
        max_pixels=settings.max_video_pixels,
        max_duration_s=settings.max_video_s,
        max_frames=settings.max_video_frames,
        max_decode_s=settings.video_decode_s,
    )


def model_info(model: LoadedModel, fingerprint: str) -> encoder_pb2.GetModelInfoResponse:
    """Describes what is served."""
    tower, limits = model.tower, model.preprocessor.limits
    bounds = model.preprocessor.budget_bounds
    return encoder_pb2.GetModelInfoResponse(
        checkpoint_fingerprint=model.checkpoint.fingerprint,
        feature_fingerprint=fingerprint,
        architecture=model.checkpoint.config["model_type"],
        data_type=DATA_TYPES[tower.placement.dtype],
        hidden_size=tower.hidden_size,
        patch_size=tower.patch_size,
        merge_size=tower.merge_size,
        media_kinds=_media_kinds(model.preprocessor),
        mime_types=_mime_types(model.preprocessor),
        max_byte_count=limits.max_file_bytes,
        max_pixel_count=limits.max_pixels,
        device=str(tower.placement.device),
        version=version("sightline-encoder"),
        attention=tower.attention,
        default_pixel_budget=bounds.default,
        max_pixel_budget=bounds.whole,
        max_tiled_pixel_budget=bounds.tiled if tower.takes_tiles else 0,
    )


def _media_kinds(preprocessor: Preprocessor) -> list[media_pb2.MediaKind]:
    videos = [media_pb2.MEDIA_KIND_VIDEO] if preprocessor.takes_videos else []
    return [media_pb2.MEDIA_KIND_IMAGE, *videos]


def _mime_types(preprocessor: Preprocessor) -> list[str]:
    videos = VIDEO_MIME_TYPES.values() if preprocessor.takes_videos else ()
    return [*MIME_TYPES.values(), *videos]


def _step(name: str, load: Callable[[], Loaded]) -> Loaded:
    log(_logger, f"loading {name}")
    started = time.monotonic()
    loaded = load()
    log(_logger, f"loaded {name}", seconds=round(time.monotonic() - started, 2))
    return loaded
