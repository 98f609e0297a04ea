"""Pixels to patches, exactly as the checkpoint's own processor cuts them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.errors import MediaAspectRatioError, ParameterUnsupportedError

from sightline_encoder.comparison_image import ComparisonImage, comparison_options
from sightline_encoder.decoded import Decode, Plane, decode_here
from sightline_encoder.image import MediaLimits
from sightline_encoder.image_processor import ImageProcessor, read_image_processor
from sightline_encoder.patches import PatchCutter
from sightline_encoder.picture import picture_options
from sightline_encoder.pixel_budget import BudgetBounds, BudgetRule, FrameBudget
from sightline_encoder.pixel_budget import PixelBudget as PixelBudget
from sightline_encoder.resizing import Resizing

if TYPE_CHECKING:
    from sightline_encoder.video_preprocess import VideoPreprocessor

PICTURE_DECODER = "sightline_encoder.picture"
COMPARISON_DECODER = "sightline_encoder.comparison_image"
_KNOWN_PROCESSORS = ("Glm4vImageProcessorPil", "Glm46VImageProcessorPil")


@dataclass(frozen=True)
class PreparedImage:
    """One picture or video cut into patches.

    `patches` is float32 [num_patches, channels * frames * patch * patch], of a still picture
    perhaps one frame of those that are all alike, `grid` is (frame groups, rows, columns) in
    patches, `width` and `height` are upright pixels before resizing, `prepare_s` the seconds
    it took, `timestamps` the second at which each frame group of a video begins.
    """

    patches: torch.Tensor
    grid: tuple[int, int, int]
    width: int
    height: int
    prepare_s: float = 0.0
    timestamps: tuple[float, ...] = ()

    @property
    def num_patches(self) -> int:
        return math.prod(self.grid)


class Preprocessor:
    """Decodes and cuts pictures exactly as the image processor that a checkpoint names.

    `decode` says where files are decoded, in this process by default. Processors whose
    configuration `patch_cutter` does not know cut the pictures themselves. Videos are left
    to `video`, for checkpoints that have a processor for them.
    """

    def __init__(
        self,
        processor: Any,
        limits: MediaLimits,
        max_pixel_budget: int,
        decode: Decode = decode_here,
        video: VideoPreprocessor | None = None,
        max_tiled_pixel_budget: int = 0,
    ) -> None:
        self._processor = processor
        self._video = video
        self._decode = decode
        self._cutter = patch_cutter(processor)
        self.limits = limits
        self.patch_size: int = processor.patch_size
        self.merge_size: int = processor.merge_size
        self._num_frames: int = processor.temporal_patch_size
        own = PixelBudget(processor.size.shortest_edge, processor.size.longest_edge)
        cell = self.patch_size * self.merge_size
        largest = max(max_pixel_budget, max_tiled_pixel_budget)
        self._tiled_rule = BudgetRule(own, self._num_frames, cell**2, largest)
        advice = f"; in tiled mode to {self._tiled_rule.largest}" if max_tiled_pixel_budget else ""
        self._budget_rule = replace(self._tiled_rule, extra=max_pixel_budget, advice=advice)

    def pixel_budget(
        self,
        min_pixel_count: int | None = None,
        max_pixel_count: int | None = None,
        tiled: bool = False,
    ) -> PixelBudget:
        """Returns the bounds for a request's bounds on the resized picture's pixels.

        None takes the checkpoint's own bound. A lower bound left to the checkpoint
        yields to the upper one. Raises FieldInvalidError.
        """
        rule = self._tiled_rule if tiled else self._budget_rule
        return rule.budget(min_pixel_count, max_pixel_count)

    @property
    def budget_bounds(self) -> BudgetBounds:
        """The upper bounds on pixels that requests get and may ask for."""
        own = self._budget_rule.own.longest_edge // self._num_frames
        return BudgetBounds(own, self._budget_rule.largest, self._tiled_rule.largest)

    @property
    def takes_videos(self) -> bool:
        return self._video is not None

    @property
    def video(self) -> VideoPreprocessor:
        """What prepares videos; raises ParameterUnsupportedError where nothing does."""
        if self._video is None:
            raise ParameterUnsupportedError(
                "This model takes pictures only; send a video's frames as images.",
                field="header.kind",
                metadata={"kind": "video"},
            )
        return self._video

    def look(self, data: bytes, budget: PixelBudget) -> ComparisonImage:
        """Decodes a file to be compared with others; raises MediaError."""
        options = comparison_options(self.limits, budget.longest_edge // self._num_frames)
        return ComparisonImage.of(self._decode(COMPARISON_DECODER, data, options))

    def prepare(self, data: bytes, budget: PixelBudget | FrameBudget) -> PreparedImage:
        """Decodes a file and cuts it into patches; raises MediaError."""
        if isinstance(budget, FrameBudget):
            return self.video.prepare(data, budget)
        resizing = None if self._cutter is None else processor_resizing(self._processor, budget)
        decoded = self._decode(PICTURE_DECODER, data, picture_options(self.limits, resizing))
        patches, grid = self._cut(decoded.planes[0], budget)
        return PreparedImage(patches, grid, decoded.facts["width"], decoded.facts["height"])

    def _cut(self, pixels: Plane, budget: PixelBudget) -> tuple[torch.Tensor, tuple[int, int, int]]:
        if self._cutter is None:
            return self._cut_by_processor(pixels, budget)
        height, width, _ = pixels.shape
        grid = (1, height // self.patch_size, width // self.patch_size)
        return torch.from_numpy(self._cutter.cut(pixels)), grid

    def _cut_by_processor(
        self, pixels: Plane, budget: PixelBudget
    ) -> tuple[torch.Tensor, tuple[int, int, int]]:
        size = {"shortest_edge": budget.shortest_edge, "longest_edge": budget.longest_edge}
        try:
            cut = self._processor(images=[Image.fromarray(pixels)], size=size, return_tensors="pt")
        except ValueError as error:
            # NOTE: the only ValueError of the processor is its own bound on aspect ratio.
            raise MediaAspectRatioError(
                "The picture is too long and thin for the model; crop it."
            ) from error
        time_count, rows, columns = cut["image_grid_thw"][0].tolist()
        return cut["pixel_values"], (time_count, rows, columns)


def processor_resizing(processor: Any, budget: PixelBudget) -> Resizing:
    """Returns the rule by which a processor chooses the size of what it shows."""
    return Resizing(
        cell=processor.patch_size * processor.merge_size,
        num_frames=processor.temporal_patch_size,
        shortest_edge=budget.shortest_edge,
        longest_edge=budget.longest_edge,
        filter=int(processor.resample),
    )


def patch_cutter(processor: Any) -> PatchCutter | None:
    """Returns a cutter that equals a processor, None for a configuration that none does."""
    if isinstance(processor, ImageProcessor):
        return _cutter(processor)
    is_known = type(processor).__name__ in _KNOWN_PROCESSORS
    steps = (processor.do_resize, processor.do_rescale, processor.do_normalize)
    channels = (processor.image_mean, processor.image_std)
    if not is_known or not all(steps) or not all(_is_triple(values) for values in channels):
        return None
    return _cutter(processor)


def _cutter(processor: Any) -> PatchCutter:
    return PatchCutter(
        patch_size=processor.patch_size,
        merge_size=processor.merge_size,
        scale=processor.rescale_factor,
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
    )


def _is_triple(values: object) -> bool:
    return isinstance(values, list | tuple) and len(values) == 3


def load_preprocessor(
    checkpoint: Checkpoint,
    limits: MediaLimits,
    max_pixel_budget: int,
    decode: Decode = decode_here,
    video: VideoPreprocessor | None = None,
    max_tiled_pixel_budget: int = 0,
) -> Preprocessor:
    """Builds the checkpoint's image processor in its PIL form, without remote code.

    Raises CheckpointError.
    """
    try:
        processor = read_image_processor(checkpoint)
        return Preprocessor(
            processor, limits, max_pixel_budget, decode, video, max_tiled_pixel_budget
        )
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        # What transformers raises depends on how its preprocessor_config.json is damaged.
        raise CheckpointError(
            f"{checkpoint.folder} has no usable image processor: {error}; take its "
            "preprocessor_config.json from where the model came from."
        ) from error
