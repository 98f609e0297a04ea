"""Linear maps of the decoder; what a layer calls is replaceable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import linear

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
    """Multiplies by a weight in oneDNN's own order, on CPU.

    The order is chosen once instead of at every call, which counts most for a few rows.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        self._bias = bias
        self._multiply = torch.ops.mkldnn._linear_pointwise.default

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = self._multiply(hidden, self._packed, self._bias, "none", [], "")
        return product


def make_projection(weight: torch.Tensor, bias: torch.Tensor | None = None) -> Projection:
    """Returns the fastest projection that computes in the weight's type where it lies."""
    if _packable(weight):
        return PackedProjection(weight, bias)
    return DenseProjection(weight, bias)


def _packable(weight: torch.Tensor) -> bool:
    # NOTE: torch keeps these operators for its own compiler; where they are missing,
    # plain multiplication serves.
    return (
        weight.device.type == "cpu"
        and weight.dtype is torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )
