"""Linear maps of the decoder; what a layer calls is replaceable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from sightline_common.native.library import CompilationError
from sightline_common.native.packed_weight import PackedWeight
from torch.nn.functional import linear

from sightline_generator.native.library import library
from sightline_generator.native.threads import num_threads

Projection = Callable[[torch.Tensor], torch.Tensor]
"""Maps rows [num_tokens, in_features] to [num_tokens, out_features]."""

MakeProjection = Callable[[torch.Tensor, torch.Tensor | None], Projection]
"""Makes a projection from a weight [out_features, in_features] and a bias [out_features]."""


class DenseProjection:
    """Multiplies by the weight as it is."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return linear(hidden, self._weight, self._bias)


class PackedProjection:
    """Multiplies by a weight in the order in which the native kernels read it, on CPU."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self.packed = PackedWeight(library(), weight, bias)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.packed.multiply(hidden, num_threads())


def make_projection(weight: torch.Tensor, bias: torch.Tensor | None = None) -> Projection:
    """Returns the fastest projection that computes in the weight's type where it lies."""
    if _packable(weight):
        return PackedProjection(weight, bias)
    return DenseProjection(weight, bias)


def _packable(weight: torch.Tensor) -> bool:
    if weight.device.type != "cpu" or weight.dtype is not torch.float32:
        return False
    try:
        library()
    except CompilationError:
        return False
    return True
