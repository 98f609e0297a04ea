"""Frames to the patches that the tower reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sightline_encoder.decoded import Plane


@dataclass(frozen=True)
class FrameCutter:
    """Cuts frames as the glm4v and glm46v video processors do, value for value.

    Unlike a picture's, a frame's samples are not scaled first: mean and deviation are
    divided by `scale`, in float32, and applied to the samples as they are.
    """

    patch_size: int
    merge_size: int
    temporal_patch_size: int
    scale: float
    mean: Sequence[float]
    std: Sequence[float]

    def cut(self, frames: Plane) -> tuple[torch.Tensor, tuple[int, int, int]]:
        """Returns float32 [num_patches, channels * frames * patch * patch], and the grid.

        `frames` are uint8 [num_frames, channels, height, width], both sides whole merged
        cells. Missing frames of the last group repeat the last one.
        """
        num_frames, channels, height, width = frames.shape
        num_groups = -(-num_frames // self.temporal_patch_size)
        grid = (num_groups, height // self.patch_size, width // self.patch_size)
        values = channels * self.temporal_patch_size * self.patch_size**2
        patches = torch.empty(num_groups, grid[1] * grid[2], values)
        for number, target in enumerate(patches):
            self._cut_group(self._group(frames, number), target)
        return patches.view(-1, values), grid

    def _group(self, frames: Plane, number: int) -> torch.Tensor:
        """Returns one group of frames, normalised, float32 [frames, channels, height, width]."""
        first = number * self.temporal_patch_size
        places = [min(first + n, len(frames) - 1) for n in range(self.temporal_patch_size)]
        samples = torch.from_numpy(frames[places]).to(torch.float32)
        return samples.sub_(self._channels(self.mean)).div_(self._channels(self.std))

    def _channels(self, values: Sequence[float]) -> torch.Tensor:
        return (torch.tensor(values) * (1.0 / self.scale)).view(-1, 1, 1)

    def _cut_group(self, group: torch.Tensor, target: torch.Tensor) -> None:
        num_frames, channels, height, width = group.shape
        merge, patch = self.merge_size, self.patch_size
        rows, columns = height // (merge * patch), width // (merge * patch)
        split = group.view(num_frames, channels, rows, merge, patch, columns, merge, patch)
        order = split.permute(2, 5, 3, 6, 1, 0, 4, 7)
        target.view(order.shape).copy_(order)
