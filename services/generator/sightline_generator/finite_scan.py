"""Whether features are finite numbers, found out while they arrive."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sightline_common.errors import PayloadCorruptError

Signed: TypeAlias = np.signedinteger[Any]
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
_max = np.maximum.reduce


class _Limits(NamedTuple):
    """The bit patterns of infinity and minus infinity: those of NaN are above them.

    Each with the type of integers in which it is so.
    """

    signed: int
    unsigned: int
    signed_type: np.dtype[Signed]
    unsigned_type: np.dtype[np.unsignedinteger[Any]]


class FiniteScan:
    """Looks at elements in the memory where they arrive.

    Bit patterns are compared: those of infinity and NaN are the largest of either sign. numpy
    does it on this thread, many times faster than `isfinite`.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        """Raises PayloadCorruptError for integers."""
        self._limits = _limits(dtype)
        self.is_finite = True

    @property
    def element(self) -> np.dtype[Signed]:
        """The integers that have the elements' bits."""
        return self._limits.signed_type

    def look(self, elements: npt.NDArray[Signed]) -> None:
        """Looks at the next elements, of which there must be one, as integers."""
        limits = self._limits
        self.is_finite = self.is_finite and bool(
            _max(elements) < limits.signed
            and _max(elements.view(limits.unsigned_type)) < limits.unsigned
        )


@cache
def _limits(dtype: torch.dtype) -> _Limits:
    if not dtype.is_floating_point:
        raise PayloadCorruptError("The features are not floating-point numbers.")
    size = dtype.itemsize
    signed = torch.tensor([torch.inf, -torch.inf], dtype=dtype).view(_BITS[size]).numpy()
    unsigned = signed.view(f"u{size}")
    return _Limits(int(signed[0]), int(unsigned[1]), signed.dtype, unsigned.dtype)
