"""Pixels to the patches that the tower reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from sightline_encoder.decoded import Plane

Patches = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PatchCutter:
    """Cuts pictures as the glm4v and glm46v processors do, value for value.

    Samples are multiplied by `scale` in float64, rounded to float32, and normalised there
    by `mean` and `std` of each channel. Of a still picture's frames, which are all alike, one
    is cut; `as_frames` makes the processors' patches of it.
    """

    patch_size: int
    merge_size: int
    scale: float
    mean: Sequence[float]
    std: Sequence[float]

    def cut(self, pixels: Plane) -> Patches:
        """Returns float32 [num_patches, channels * patch * patch].

        `pixels` are uint8 [height, width, channels], both sides whole merged cells. Patches
        of one merged cell follow each other.
        """
        bands = self._bands(pixels)
        channels, area = pixels.shape[2], self.patch_size**2
        num_patches = bands[0].size // (channels * area)
        patches = np.empty((len(bands), num_patches, channels, area), np.float32)
        for band, cut in zip(bands, patches, strict=True):
            # One band at a time stays in the processor's cache.
            cut[...] = self._normalised(band.reshape(num_patches, channels, area))
        return patches.reshape(len(bands) * num_patches, -1)

    def _bands(self, pixels: Plane) -> Plane:
        """Views pixels as [cell row, cell column, row, column, channel, y, x], see `cut`."""
        height, width, channels = pixels.shape
        merge, patch = self.merge_size, self.patch_size
        rows, columns = height // (merge * patch), width // (merge * patch)
        split = pixels.reshape(rows, merge, patch, columns, merge, patch, channels)
        return split.transpose(0, 3, 1, 4, 6, 2, 5)

    def _normalised(self, samples: Plane) -> Patches:
        scaled = np.multiply(samples, self.scale, dtype=np.float64).astype(np.float32)
        scaled -= np.array(self.mean, np.float32)[:, None]
        scaled /= np.array(self.std, np.float32)[:, None]
        return scaled


def as_frames(patches: torch.Tensor, num_channels: int, num_frames: int) -> torch.Tensor:
    """Returns patches [num_patches, channels * frames * patch * patch] of equal frames.

    `patches` [num_patches, channels * patch * patch] are one frame's.
    """
    frame = patches.view(len(patches), num_channels, 1, -1)
    return frame.expand(-1, -1, num_frames, -1).flatten(1)
