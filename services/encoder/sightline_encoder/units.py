"""What passes the tower by itself: a picture, a frame group, or a tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.tiling import TileRule, blended
from sightline_encoder.window import Window


@dataclass(frozen=True)
class Unit:
    """A window of one frame group of a picture or video."""

    image: PreparedImage
    group: int
    window: Window
    rule: TileRule | None = None

    @property
    def num_patches(self) -> int:
        return self.window.num_patches

    @property
    def num_grid_patches(self) -> int:
        """Counts the patches of the whole frame group."""
        return self.image.grid[1] * self.image.grid[2]

    def patches(self) -> torch.Tensor:
        """Returns the window's patches, [num_patches, patch values]."""
        whole = self.image.patches.view(self.image.grid[0], self.num_grid_patches, -1)[self.group]
        return whole if self.rule is None else self.rule.cut(whole, self.window)


def split(image: PreparedImage, rule: TileRule | None = None) -> list[Unit]:
    """Returns the units of a picture or video: whole frame groups, or their tiles."""
    num_groups, rows, columns = image.grid
    windows = [Window.whole(rows, columns)] if rule is None else rule.windows(rows, columns)
    return [Unit(image, group, window, rule) for group in range(num_groups) for window in windows]


def join(units: Sequence[Unit], features: Sequence[torch.Tensor]) -> torch.Tensor:
    """Returns the features [num_tokens, hidden_size] of one picture or video from its units'."""
    rule = units[0].rule
    if rule is None:
        return features[0] if len(features) == 1 else torch.cat(list(features))
    num_windows = len(units) // units[0].image.grid[0]
    windows = [unit.window for unit in units[:num_windows]]
    groups = [
        blended(windows, features[start : start + num_windows], rule.merge_size)
        for start in range(0, len(units), num_windows)
    ]
    return torch.cat(groups)
