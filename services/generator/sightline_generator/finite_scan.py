"""Whether features are finite numbers, found out while they arrive."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sightline.type.v1 import tensor_pb2
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import TORCH_TYPES

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


_max = np.maximum.reduce


class _Limits(NamedTuple):
    """The bit patterns of infinity and minus infinity: those of NaN are above them."""

    signed: int
    unsigned: int


class FiniteScan:
    """Looks at a tensor's elements once each, in the memory where they arrive.

    Bit patterns are compared: those of infinity and NaN are the largest of either sign. numpy
    does it on this thread, many times faster than `isfinite`.
    """

    def __init__(self, spec: tensor_pb2.TensorSpec, storage: npt.NDArray[np.uint8]) -> None:
        """Takes the payload's bytes, whose first tensor is meant; raises PayloadCorruptError."""
        dtype = TORCH_TYPES[spec.data_type]
        if not dtype.is_floating_point:
            raise PayloadCorruptError("The features are not floating-point numbers.")
        self._item_bytes = dtype.itemsize
        elements = storage[: math.prod(spec.shape) * dtype.itemsize]
        self._signed = elements.view(f"i{dtype.itemsize}")
        self._unsigned = elements.view(f"u{dtype.itemsize}")
        self._limits = _limits(dtype)
        self._num_seen = 0
        self.is_finite = True

    def advance(self, num_bytes: int) -> None:
        """Looks at the elements that are complete when so many bytes have come."""
        seen, end = self._num_seen, min(num_bytes // self._item_bytes, len(self._signed))
        if end > seen and self.is_finite:
            self.is_finite = bool(
                _max(self._signed[seen:end]) < self._limits.signed
                and _max(self._unsigned[seen:end]) < self._limits.unsigned
            )
        self._num_seen = end


@cache
def _limits(dtype: torch.dtype) -> _Limits:
    bits = torch.tensor([torch.inf, -torch.inf], dtype=dtype).view(_BITS[dtype.itemsize]).numpy()
    return _Limits(int(bits[0]), int(bits.view(f"u{dtype.itemsize}")[1]))
