"""Whether features are finite numbers, found out while they arrive."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sightline.type.v1 import tensor_pb2
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import TORCH_TYPES

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


_max = np.maximum.reduce


class _Limits(NamedTuple):
    """The bit patterns of infinity and minus infinity: those of NaN are above them.

    Each with the type of integers in which it is so.
    """

    item_bytes: int
    signed: int
    unsigned: int
    signed_type: np.dtype[np.signedinteger[Any]]
    unsigned_type: np.dtype[np.unsignedinteger[Any]]


class FiniteScan:
    """Looks at a tensor's elements once each, in the memory where they arrive.

    Bit patterns are compared: those of infinity and NaN are the largest of either sign. numpy
    does it on this thread, many times faster than `isfinite`.
    """

    def __init__(self, spec: tensor_pb2.TensorSpec, storage: npt.NDArray[np.uint8]) -> None:
        """Takes the tensor's bytes before they come; raises PayloadCorruptError."""
        self._limits = limits = _limits(TORCH_TYPES[spec.data_type])
        self._signed = storage.view(limits.signed_type)
        self._unsigned = storage.view(limits.unsigned_type)
        self._num_seen = 0
        self.is_finite = True

    def advance(self, num_bytes: int) -> None:
        """Looks at the elements that are complete when so many bytes have come."""
        seen, end = self._num_seen, min(num_bytes // self._limits.item_bytes, len(self._signed))
        if end > seen and self.is_finite:
            self.is_finite = bool(
                _max(self._signed[seen:end]) < self._limits.signed
                and _max(self._unsigned[seen:end]) < self._limits.unsigned
            )
        self._num_seen = end


@cache
def _limits(dtype: torch.dtype) -> _Limits:
    if not dtype.is_floating_point:
        raise PayloadCorruptError("The features are not floating-point numbers.")
    size = dtype.itemsize
    signed = torch.tensor([torch.inf, -torch.inf], dtype=dtype).view(_BITS[size]).numpy()
    unsigned = signed.view(f"u{size}")
    return _Limits(size, int(signed[0]), int(unsigned[1]), signed.dtype, unsigned.dtype)
