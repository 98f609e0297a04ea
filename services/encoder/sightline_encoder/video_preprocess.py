"""Videos to patches, exactly as the checkpoint's own processor cuts them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.errors import FieldInvalidError

from sightline_encoder.decoded import Decode, decode_here
from sightline_encoder.families import family_of
from sightline_encoder.frame_sampling import MAX_FRAMES, FrameSampling
from sightline_encoder.pixel_budget import BudgetRule, FrameBudget, PixelBudget
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.processor_settings import ProcessorSettings
from sightline_encoder.resizing import Resizing
from sightline_encoder.video_options import VideoLimits, VideoOptions
from sightline_encoder.video_patches import FrameCutter

VIDEO_DECODER = "sightline_encoder.video"
MAX_FRAME_RATE = 120.0
_RULES = {
    "Glm4vVideoProcessor": "glm4v",
    "Glm46VVideoProcessor": "glm46v",
    "glm4v": "glm4v",
    "glm46v": "glm46v",
}
_BICUBIC = 3
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
_SIZE = {"shortest_edge": 112 * 112, "longest_edge": 28 * 28 * 2 * 30000}


class VideoPreprocessor:
    """Decodes and cuts videos; `decode` says where files are decoded."""

    def __init__(
        self,
        settings: ProcessorSettings,
        model_type: str,
        limits: VideoLimits,
        max_pixel_budget: int,
        decode: Decode = decode_here,
    ) -> None:
        """Takes a checkpoint's video processor settings; raises CheckpointError."""
        _check_known(settings)
        self._decode = decode
        self._cutter = _frame_cutter(settings)
        self._sampling = _sampling(settings, model_type)
        self.limits = limits
        cell = self._cutter.patch_size * self._cutter.merge_size
        own = _own_budget(settings.part("size"))
        num_frames = self._cutter.temporal_patch_size
        self._budget_rule = BudgetRule(own, num_frames, cell**2, max_pixel_budget)
        self._resizing = Resizing(cell, 0, own.shortest_edge, own.longest_edge, _BICUBIC)

    def budget(
        self,
        min_pixel_count: int | None = None,
        max_pixel_count: int | None = None,
        frame_rate: float | None = None,
        max_frame_count: int | None = None,
    ) -> FrameBudget:
        """Returns what a request asks for, None being the checkpoint's own.

        Pixel counts are those of all frame groups together. Raises FieldInvalidError.
        """
        _check_sampling(frame_rate, max_frame_count)
        pixels = self._budget_rule.budget(min_pixel_count, max_pixel_count)
        sampling = replace(self._sampling, frame_rate=frame_rate, max_frames=max_frame_count)
        return FrameBudget(pixels, sampling)

    def prepare(self, data: bytes, budget: FrameBudget) -> PreparedImage:
        """Decodes a file and cuts its frames into patches; raises MediaError."""
        shortest, longest = budget.pixels.shortest_edge, budget.pixels.longest_edge
        resizing = replace(self._resizing, shortest_edge=shortest, longest_edge=longest)
        options = VideoOptions(self.limits, budget.sampling, resizing)
        decoded = self._decode(VIDEO_DECODER, data, options.as_json())
        patches, grid = self._cutter.cut(decoded.planes[0])
        facts = decoded.facts
        timestamps = tuple(facts["timestamps"])
        return PreparedImage(patches, grid, facts["width"], facts["height"], timestamps=timestamps)


def load_video_preprocessor(
    checkpoint: Checkpoint,
    limits: VideoLimits,
    max_pixel_budget: int,
    decode: Decode = decode_here,
) -> VideoPreprocessor | None:
    """Reads the checkpoint's video processor; None when it has none.

    Raises CheckpointError for one that this encoder cannot equal.
    """
    if checkpoint.video_processor is None:
        return None
    source = str(checkpoint.folder / checkpoint.video_processor_file)
    settings = ProcessorSettings(checkpoint.video_processor, source)
    _check_tower(settings, family_of(checkpoint).config(checkpoint))
    model_type = checkpoint.config["model_type"]
    return VideoPreprocessor(settings, model_type, limits, max_pixel_budget, decode)


def _check_tower(settings: ProcessorSettings, vision: Any) -> None:
    """The tower takes patches of one form, whoever cuts them."""
    own = {"patch_size": vision.patch_size, "merge_size": vision.spatial_merge_size}
    own["temporal_patch_size"] = vision.temporal_patch_size
    for name, value in own.items():
        if settings.whole(name, value) != value:
            raise CheckpointError(
                f"{name} in {settings.source} must be {value}, as in the vision_config of "
                "config.json; take both files from where the model came from."
            )


def _check_known(settings: ProcessorSettings) -> None:
    values = settings.values
    steps = ("do_resize", "do_rescale", "do_normalize", "do_sample_frames")
    is_known = all(values.get(step, True) is True for step in steps)
    if not is_known or values.get("resample", _BICUBIC) != _BICUBIC:
        raise CheckpointError(
            f"The video processor in {settings.source} leaves out a step or resizes by another "
            f"filter; {', '.join(steps)} must be true and resample {_BICUBIC}. Without the file, "
            "pictures alone are served."
        )


def _sampling(settings: ProcessorSettings, model_type: str) -> FrameSampling:
    name = settings.text("video_processor_type", model_type)
    if name not in _RULES:
        raise CheckpointError(
            f"video_processor_type in {settings.source} is not known here; it must be one of "
            f"{', '.join(_RULES)}. Without the file, pictures alone are served."
        )
    return FrameSampling(
        rule=_RULES[name],
        fps=settings.number("fps", 2),
        max_duration_s=settings.number("max_duration", 300),
        temporal_patch_size=settings.whole("temporal_patch_size", 2),
    )


def _own_budget(size: ProcessorSettings) -> PixelBudget:
    shortest = size.whole("shortest_edge", _SIZE["shortest_edge"])
    longest = size.whole("longest_edge", _SIZE["longest_edge"])
    if shortest > longest:
        raise CheckpointError(f"shortest_edge exceeds longest_edge in {size.source}.")
    return PixelBudget(shortest, longest)


def _frame_cutter(settings: ProcessorSettings) -> FrameCutter:
    return FrameCutter(
        patch_size=settings.whole("patch_size", 14),
        merge_size=settings.whole("merge_size", 2),
        temporal_patch_size=settings.whole("temporal_patch_size", 2),
        scale=settings.number("rescale_factor", 1 / 255),
        mean=settings.channels("image_mean", _MEAN),
        std=settings.channels("image_std", _STD),
    )


def _check_sampling(frame_rate: float | None, max_frame_count: int | None) -> None:
    if frame_rate is not None and not 0 < frame_rate <= MAX_FRAME_RATE:
        raise FieldInvalidError(
            f"frame_rate must be above 0 and at most {MAX_FRAME_RATE:g}.",
            field="header.options.frame_rate",
            metadata={"maximum": f"{MAX_FRAME_RATE:g}"},
        )
    if max_frame_count is not None and not 2 <= max_frame_count <= MAX_FRAMES:
        raise FieldInvalidError(
            f"max_frame_count must be from 2 to {MAX_FRAMES}.",
            field="header.options.max_frame_count",
            metadata={"minimum": "2", "maximum": str(MAX_FRAMES)},
        )
