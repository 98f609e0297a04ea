"""How many pixels of a medium the model is shown."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.metadata import version

from sightline_common.errors import FieldInvalidError

from sightline_encoder.frame_sampling import FrameSampling

VIDEO_VERSION = f"1-av{version('av')}-torch{version('torch')}"
"""Part of a video's feature key: two decoders may round differently."""


@dataclass(frozen=True)
class PixelBudget:
    """The processor's own bounds, which count the pixels of all temporal frames.

    A still picture is shown to the tower as `temporal_patch_size` (2) equal frames, so
    these bounds are twice the pixels of the resized picture that a request bounds.
    """

    shortest_edge: int
    longest_edge: int

    @property
    def key_parts(self) -> tuple[str, ...]:
        """What of it belongs to a feature key."""
        return str(self.shortest_edge), str(self.longest_edge)


@dataclass(frozen=True)
class FrameBudget:
    """What a request wants of a video: pixels of all taken frames, and which those are."""

    pixels: PixelBudget
    sampling: FrameSampling

    @property
    def key_parts(self) -> tuple[str, ...]:
        """What of it belongs to a feature key, and the decoder's version."""
        taken = map(str, dataclasses.astuple(self.sampling))
        return (*self.pixels.key_parts, *taken, VIDEO_VERSION)


@dataclass(frozen=True)
class BudgetBounds:
    """The pixels a resized picture has at most: by default, on request, and in tiles."""

    default: int
    whole: int
    tiled: int


@dataclass(frozen=True)
class BudgetRule:
    """Which pixel counts a request may ask for, beside the checkpoint's `own`.

    Requests count one frame of every group of `num_frames`; `smallest` is their least upper
    bound and `extra` the largest one, unless the checkpoint's own is larger. `advice` says
    what else there is for those who want more.
    """

    own: PixelBudget
    num_frames: int
    smallest: int
    extra: int
    advice: str = ""

    def budget(
        self, min_pixel_count: int | None = None, max_pixel_count: int | None = None
    ) -> PixelBudget:
        """Returns the bounds for a request's bounds on the resized medium's pixels.

        None takes the checkpoint's own bound. A lower bound left to the checkpoint
        yields to the upper one. Raises FieldInvalidError.
        """
        longest, shortest = self.own.longest_edge, self.own.shortest_edge
        if max_pixel_count is not None:
            longest = self._checked_max(max_pixel_count)
        if min_pixel_count is not None:
            shortest = self._checked_min(min_pixel_count, longest)
        return PixelBudget(min(shortest, longest), longest)

    @property
    def largest(self) -> int:
        """The largest upper bound that a request may state."""
        return max(self.own.longest_edge // self.num_frames, self.extra)

    def _checked_max(self, max_pixel_count: int) -> int:
        largest = self.largest
        if not self.smallest <= max_pixel_count <= largest:
            raise FieldInvalidError(
                f"max_pixel_count must be from {self.smallest} to {largest}{self.advice}.",
                field="header.options.max_pixel_count",
                metadata={"minimum": str(self.smallest), "maximum": str(largest)},
            )
        return max_pixel_count * self.num_frames

    def _checked_min(self, min_pixel_count: int, longest_edge: int) -> int:
        largest = longest_edge // self.num_frames
        if not 1 <= min_pixel_count <= largest:
            raise FieldInvalidError(
                f"min_pixel_count must be from 1 to {largest}, the upper bound in effect.",
                field="header.options.min_pixel_count",
                metadata={"minimum": "1", "maximum": str(largest)},
            )
        return min_pixel_count * self.num_frames
