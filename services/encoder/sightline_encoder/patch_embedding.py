"""Patches to the tower's hidden states."""

from __future__ import annotations

import torch

from sightline_encoder.patches import as_frames
from sightline_encoder.tower_layers import TowerLayers


class PatchEmbedding:
    """Multiplies patches of whole frame groups, or of one frame of those that are all alike.

    Equal frames are multiplied once, by the sum of their weights. In types of 16 bits they
    are not: rounding the sum would change the features.
    """

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor | None, layers: TowerLayers
    ) -> None:
        """Takes a weight [hidden_size, channels, frames, patch, patch]."""
        self._num_channels, self._num_frames = weight.shape[1:3]
        self._group_values = weight[0].numel()
        self._group = layers.project(weight.flatten(1), bias)
        exact = weight.itemsize >= 4
        self._still = layers.project(_summed(weight).flatten(1), bias) if exact else None

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Returns [num_patches, hidden_size]; `patches` are all of one form."""
        if patches.shape[1] == self._group_values:
            return self._group(patches)
        if self._still is not None:
            return self._still(patches)
        return self._group(as_frames(patches, self._num_channels, self._num_frames))


def _summed(weight: torch.Tensor) -> torch.Tensor:
    """Returns the sum over frames, [hidden_size, channels, patch, patch], rounded once."""
    return weight.double().sum(2).to(weight.dtype)
