"""The parts of a checkpoint that this service runs, and what bounds them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sightline_common.checkpoint import Checkpoint, resolve_checkpoint

from sightline_encoder.config import EncoderSettings
from sightline_encoder.decoded import Decode, decode_here
from sightline_encoder.feature_key import feature_fingerprint
from sightline_encoder.image import MediaLimits
from sightline_encoder.logged_step import logged_step
from sightline_encoder.preprocess import Preprocessor, load_preprocessor
from sightline_encoder.video_options import VideoLimits
from sightline_encoder.video_preprocess import load_video_preprocessor
from sightline_encoder.vision import Placement, VisionTower, choose_placement, load_vision_tower

CPU_BATCH_PATCHES, GPU_BATCH_PATCHES = 4096, 16384
CPU_PIXEL_BUDGET, GPU_PIXEL_BUDGET = 2 * 1024**2, 6 * 1024**2


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint's parts that this service runs."""

    checkpoint: Checkpoint
    tower: VisionTower
    preprocessor: Preprocessor


def load_model(settings: EncoderSettings, decode: Decode = decode_here) -> LoadedModel:
    """Reads processor and tower from the checkpoint and runs one picture.

    `decode` says where files will be decoded.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    checkpoint = resolve_checkpoint(settings.model)
    placement = choose_placement(
        settings.device, settings.dtype, integer_attention=settings.integer_attention
    )
    logged_step("fingerprint", lambda: checkpoint.fingerprint)
    budget = whole_pixel_budget(settings, placement)
    video = load_video_preprocessor(checkpoint, video_limits(settings), budget, decode)
    tower = load_vision_tower(checkpoint, placement)
    preprocessor = logged_step(
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
    logged_step("warm-up", tower.warm_up)
    if placement.device.type != "cpu":
        # Before this service is ready: a generator on the same GPU then shares out the rest.
        num_patches = largest_pass(settings, tower, preprocessor)
        logged_step("largest pass", lambda: tower.reserve_memory(num_patches))
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


def largest_pass(settings: EncoderSettings, tower: VisionTower, preprocessor: Preprocessor) -> int:
    """Returns the patches of the largest pass: a full one, or one picture that exceeds it."""
    largest_picture = preprocessor.budget_bounds.whole // tower.patch_size**2
    return max(pass_patches(settings, tower), largest_picture)


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
