"""Whether features are finite numbers, found out while they arrive."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import TensorLayout

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

    def __init__(self, layout: TensorLayout) -> None:
        """Takes how the tensor will lie; raises PayloadCorruptError for integers."""
        self._limits = _limits(layout.dtype)
        self._num_bytes = layout.num_bytes
        self._num_seen = 0
        self.is_finite = True

    def advance(self, payload: memoryview, num_bytes: int) -> None:
        """Looks at the elements that are complete when so many bytes of a payload have come."""
        limits, begin = self._limits, self._num_seen
        num_complete = (min(num_bytes, self._num_bytes) - begin) // limits.item_bytes
        if num_complete > 0 and self.is_finite:
            signed = np.ndarray(num_complete, limits.signed_type, payload, begin)
            self.is_finite = bool(
                _max(signed) < limits.signed
                and _max(signed.view(limits.unsigned_type)) < limits.unsigned
            )
        self._num_seen += num_complete * limits.item_bytes


@cache
def _limits(dtype: torch.dtype) -> _Limits:
    if not dtype.is_floating_point:
        raise PayloadCorruptError("The features are not floating-point numbers.")
    size = dtype.itemsize
    signed = torch.tensor([torch.inf, -torch.inf], dtype=dtype).view(_BITS[size]).numpy()
    unsigned = signed.view(f"u{size}")
    return _Limits(size, int(signed[0]), int(unsigned[1]), signed.dtype, unsigned.dtype)
