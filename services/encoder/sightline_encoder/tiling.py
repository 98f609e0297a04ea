"""Overlapping tiles of a large picture, and one grid of features out of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sightline_encoder.window import Window

TILE_PIXELS = 336
MIN_OVERLAP_PIXELS = 32
"""Rounded up to whole merged cells: 56 pixels for cells of 28."""


@dataclass(frozen=True)
class TileRule:
    """Says how large tiles are and how far neighbours overlap, in merged cells."""

    merge_size: int
    tile: int
    overlap: int

    @classmethod
    def of(cls, patch_size: int, merge_size: int) -> TileRule:
        """Returns the rule for a tower's patches: tiles rounded down, the overlap up."""
        cell = patch_size * merge_size
        overlap = -(-MIN_OVERLAP_PIXELS // cell)
        return cls(merge_size, max(TILE_PIXELS // cell, 2 * overlap), overlap)

    def windows(self, rows: int, columns: int) -> list[Window]:
        """Returns the tiles over a grid of patches, row by row."""
        merge = self.merge_size
        height, width = min(self.tile, rows // merge), min(self.tile, columns // merge)
        return [
            Window(rows, columns, height * merge, width * merge, top * merge, left * merge)
            for top in self._starts(rows // merge)
            for left in self._starts(columns // merge)
        ]

    def _starts(self, count: int) -> list[int]:
        """Spreads as few tiles as cover an axis of `count` cells evenly over it."""
        room = max(count - self.tile, 0)
        steps = -(-room // (self.tile - self.overlap))
        return [room * step // steps for step in range(steps + 1)] if steps else [0]

    def cut(self, patches: torch.Tensor, window: Window) -> torch.Tensor:
        """Returns a window's patches out of those of its whole grid, both cell by cell."""
        merge = self.merge_size
        shape = (window.grid_rows // merge, window.grid_columns // merge, merge**2, -1)
        rows, columns = cell_slices(window, merge)
        return patches.view(shape)[rows, columns].flatten(0, 2)


def cell_slices(window: Window, merge_size: int) -> tuple[slice, slice]:
    """Returns a window's rows and columns of merged cells."""
    top, left = window.top // merge_size, window.left // merge_size
    return (
        slice(top, top + window.rows // merge_size),
        slice(left, left + window.columns // merge_size),
    )


def blended(
    windows: Sequence[Window], features: Sequence[torch.Tensor], merge_size: int
) -> torch.Tensor:
    """Returns the features [num_tokens, hidden_size] of a grid from those of its tiles.

    Where tiles overlap, each counts the more, the further a cell lies inside it; the sum
    is taken in float32.
    """
    grid = (windows[0].grid_rows // merge_size, windows[0].grid_columns // merge_size)
    total = torch.zeros(*grid, features[0].shape[1], device=features[0].device)
    weight = torch.zeros(*grid, 1, device=features[0].device)
    for window, part in zip(windows, features, strict=True):
        rows, columns = cell_slices(window, merge_size)
        depth = _depths(rows.stop - rows.start)[:, None] * _depths(columns.stop - columns.start)
        depth = depth[..., None].to(part.device)
        total[rows, columns].addcmul_(part.float().view(*depth.shape[:2], -1), depth)
        weight[rows, columns] += depth
    return total.div_(weight).flatten(0, 1).to(features[0].dtype)


def _depths(count: int) -> torch.Tensor:
    """Returns how deep each of `count` cells lies inside, from 1 at the edges."""
    places = torch.arange(count, dtype=torch.float32)
    return torch.minimum(places, places.flip(0)) + 1
