"""Pixels to patches, exactly as the checkpoint's own processor cuts them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import PIL
import torch
import transformers
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.errors import FieldInvalidError, MediaAspectRatioError

from sightline_encoder.comparison_image import (
    LEAST_MAX_PIXELS,
    ComparisonImage,
    comparison_image,
)
from sightline_encoder.image import MediaLimits, decode_image

PREPROCESSING_VERSION = f"1-pillow{PIL.__version__}-transformers{transformers.__version__}"
"""Part of every feature key: two resizers may round differently."""


@dataclass(frozen=True)
class PixelBudget:
    """The processor's own bounds, which count the pixels of all temporal frames.

    A still picture is shown to the tower as `temporal_patch_size` (2) equal frames, so
    these bounds are twice the pixels of the resized picture that a request bounds.
    """

    shortest_edge: int
    longest_edge: int


@dataclass(frozen=True)
class PreparedImage:
    """One picture cut into patches.

    `patches` is float32 [num_patches, channels * temporal * patch * patch], `grid` is
    (frames, rows, columns) in patches, `width` and `height` are upright pixels before
    resizing, `prepare_s` the seconds it took.
    """

    patches: torch.Tensor
    grid: tuple[int, int, int]
    width: int
    height: int
    prepare_s: float = 0.0

    @property
    def num_patches(self) -> int:
        return math.prod(self.grid)


class Preprocessor:
    """Decodes and cuts pictures with the image processor that a checkpoint names."""

    def __init__(self, processor: Any, limits: MediaLimits, max_pixel_budget: int) -> None:
        self._processor = processor
        self.limits = limits
        self.patch_size: int = processor.patch_size
        self.merge_size: int = processor.merge_size
        self._num_frames: int = processor.temporal_patch_size
        self._own = PixelBudget(processor.size.shortest_edge, processor.size.longest_edge)
        self._largest = max(self._own.longest_edge, max_pixel_budget * self._num_frames)

    def pixel_budget(
        self, min_pixel_count: int | None = None, max_pixel_count: int | None = None
    ) -> PixelBudget:
        """Returns the bounds for a request's bounds on the resized picture's pixels.

        None takes the checkpoint's own bound. A lower bound left to the checkpoint
        yields to the upper one. Raises FieldInvalidError.
        """
        longest, shortest = self._own.longest_edge, self._own.shortest_edge
        if max_pixel_count is not None:
            longest = self._checked_max(max_pixel_count)
        if min_pixel_count is not None:
            shortest = self._checked_min(min_pixel_count, longest)
        return PixelBudget(min(shortest, longest), longest)

    def _checked_max(self, max_pixel_count: int) -> int:
        smallest = (self.patch_size * self.merge_size) ** 2
        largest = self._largest // self._num_frames
        if not smallest <= max_pixel_count <= largest:
            raise FieldInvalidError(
                f"max_pixel_count must be from {smallest} to {largest}.",
                field="header.options.max_pixel_count",
                metadata={"minimum": str(smallest), "maximum": str(largest)},
            )
        return max_pixel_count * self._num_frames

    def _checked_min(self, min_pixel_count: int, longest_edge: int) -> int:
        largest = longest_edge // self._num_frames
        if not 1 <= min_pixel_count <= largest:
            raise FieldInvalidError(
                f"min_pixel_count must be from 1 to {largest}, the upper bound in effect.",
                field="header.options.min_pixel_count",
                metadata={"minimum": "1", "maximum": str(largest)},
            )
        return min_pixel_count * self._num_frames

    def look(self, data: bytes, budget: PixelBudget) -> ComparisonImage:
        """Decodes a file to be compared with others; raises MediaError."""
        seen = budget.longest_edge // self._num_frames
        return comparison_image(decode_image(data, self.limits), max(seen, LEAST_MAX_PIXELS))

    def prepare(self, data: bytes, budget: PixelBudget) -> PreparedImage:
        """Decodes a file and cuts it into patches; raises MediaError."""
        image = decode_image(data, self.limits)
        size = {"shortest_edge": budget.shortest_edge, "longest_edge": budget.longest_edge}
        try:
            cut = self._processor(images=[image], size=size, return_tensors="pt")
        except ValueError as error:
            # NOTE: the only ValueError of the processor is its own bound on aspect ratio.
            raise MediaAspectRatioError(
                "The picture is too long and thin for the model; crop it."
            ) from error
        time_count, rows, columns = cut["image_grid_thw"][0].tolist()
        return PreparedImage(
            cut["pixel_values"], (time_count, rows, columns), image.width, image.height
        )


def load_preprocessor(
    checkpoint: Checkpoint, limits: MediaLimits, max_pixel_budget: int
) -> Preprocessor:
    """Builds the checkpoint's image processor in its PIL form, without remote code.

    Raises CheckpointError.
    """
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            checkpoint.folder, backend="pil", trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{checkpoint.folder} has no usable image processor: {error}") from (
            error
        )
    return Preprocessor(processor, limits, max_pixel_budget)
