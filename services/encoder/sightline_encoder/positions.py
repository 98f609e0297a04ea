"""Where patches lie: interpolated position embeddings and rotations, by window."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from sightline_encoder.window import Window

_CUBIC = -0.75
"""The free parameter of bicubic interpolation as torch's `grid_sample` has it."""


class PositionTables:
    """Computes what a tower adds to patches and how it rotates them.

    Both are separable: an axis is interpolated by one small matrix, so that nothing is
    sampled patch by patch and nothing as large as a picture needs to be remembered.
    """

    def __init__(
        self, embeddings: torch.Tensor, frequencies: torch.Tensor, merge_size: int
    ) -> None:
        """Takes trained embeddings [side * side, hidden_size] and frequencies [head_size / 4]."""
        side = int(len(embeddings) ** 0.5)
        self._embeddings = embeddings.float().view(side, side, -1)
        self._dtype = embeddings.dtype
        self._frequencies = frequencies.float()
        self._merge_size = merge_size

    def embeddings(self, window: Window) -> torch.Tensor:
        """Returns what is added to a window's patches, [num_patches, hidden_size]."""
        side, device = len(self._embeddings), self._embeddings.device
        along_rows = cubic_matrix(side, window.grid_rows).to(device)
        along_columns = cubic_matrix(side, window.grid_columns).to(device)
        along_rows = along_rows[window.top : window.top + window.rows]
        along_columns = along_columns[window.left : window.left + window.columns]
        rows = (along_rows @ self._embeddings.flatten(1)).view(window.rows, side, -1)
        return self._in_order(torch.matmul(along_columns, rows)).to(self._dtype)

    def rotations(self, window: Window) -> torch.Tensor:
        """Returns complex rotations [num_patches, head_size / 2]: by row, then by column."""
        rows = self._turns(window.top, window.rows)[:, None].expand(-1, window.columns, -1)
        columns = self._turns(window.left, window.columns)[None].expand(window.rows, -1, -1)
        return self._in_order(torch.cat([rows, columns], dim=-1))

    def _turns(self, start: int, count: int) -> torch.Tensor:
        places = torch.arange(start, start + count, device=self._frequencies.device)
        angles = places.float()[:, None] * self._frequencies
        return torch.complex(angles.cos(), angles.sin())

    def _in_order(self, table: torch.Tensor) -> torch.Tensor:
        """Flattens [rows, columns, width] as patches lie: merged cell by merged cell."""
        rows, columns, width = table.shape
        merge = self._merge_size
        cells = table.view(rows // merge, merge, columns // merge, merge, width)
        return cells.transpose(1, 2).reshape(rows * columns, width)


def axial_frequencies(config: Any) -> torch.Tensor:
    """Returns the frequencies [head_size / 4] float32 by which each axis rotates.

    No checkpoint holds them; they are those of transformers' `Glm4vVisionRotaryEmbedding`.
    """
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_heads
    exponents = torch.arange(0, head_size // 2, 2, dtype=torch.float) / (head_size // 2)
    frequencies: torch.Tensor = 1.0 / config.rope_parameters["rope_theta"] ** exponents
    return frequencies


@lru_cache(maxsize=256)
def cubic_matrix(source: int, target: int) -> torch.Tensor:
    """Returns the matrix [target, source] float32 that resamples an axis bicubically.

    Pixel centres are aligned and the border is repeated, as in `grid_sample` with
    `align_corners=False` and `padding_mode="border"`.
    """
    places = (torch.arange(target, dtype=torch.float64) + 0.5) * source / target - 0.5
    first = places.floor()
    matrix = torch.zeros(target, source, dtype=torch.float64)
    for offset in (-1, 0, 1, 2):
        taps = (first + offset).clamp(0, source - 1).long()
        weights = _cubic((places - first - offset).abs())
        matrix.scatter_add_(1, taps[:, None], weights[:, None])
    return matrix.float()


def _cubic(distance: torch.Tensor) -> torch.Tensor:
    """Returns the cubic convolution kernel (Keys, 1981) at distances of at most 2."""
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    return torch.where(distance <= 1, near, far)
