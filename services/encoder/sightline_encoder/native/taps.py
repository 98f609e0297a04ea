"""Which samples Pillow makes a sample of, and how much each weighs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image

UNIT = 1 << 22
"""The weight of a sample that is taken as it is."""
MOST_TAPS = 128
_SUPPORTS = MappingProxyType(
    {
        Image.Resampling.BOX: 0.5,
        Image.Resampling.BILINEAR: 1.0,
        Image.Resampling.HAMMING: 1.0,
        Image.Resampling.BICUBIC: 2.0,
        Image.Resampling.LANCZOS: 3.0,
    }
)
"""How many samples away the filters see, where nothing is reduced."""

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Taps:
    """The samples of one axis: `starts` [num_outputs] and `weights` [num_outputs, num_taps].

    Output `i` is the sum of `weights[i]` times the `num_taps` inputs from `starts[i]` on.
    """

    starts: Integers
    weights: Integers

    @property
    def count(self) -> int:
        return int(self.weights.shape[1])


def unchanged(length: int) -> Taps:
    """Returns the taps of an axis that keeps its length."""
    return Taps(np.arange(length, dtype=np.int32), np.full((length, 1), UNIT, np.int32))


@lru_cache(maxsize=16)
def resampling_taps(length: int, new_length: int, kind: int, multiple: int) -> Taps | None:
    """Returns the taps by which Pillow's filter `kind` resamples an axis.

    Their count is a `multiple`. None where that is more than the axis or MOST_TAPS, or the
    filter is another kind of thing.
    """
    support = _SUPPORTS.get(Image.Resampling(kind))
    if support is None:
        return None
    starts, ends = _windows(length, new_length, support)
    count = -(-int((ends - starts).max()) // multiple) * multiple
    if count > min(length, MOST_TAPS):
        return None
    starts = np.minimum(starts, length - count)
    return Taps(starts.astype(np.int32), _weights(starts, count, length, kind))


def _windows(
    length: int, new_length: int, support: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns where the samples of each output begin and end; Pillow rounds in float64, too."""
    scale = length / new_length
    reach = support * max(scale, 1.0)
    centers = (np.arange(new_length) + 0.5) * scale
    starts = (centers - reach + 0.5).astype(np.int64)
    ends = (centers + reach + 0.5).astype(np.int64)
    return np.maximum(starts, 0), np.minimum(ends, length)


def _weights(starts: npt.NDArray[np.int64], count: int, length: int, kind: int) -> Integers:
    """Asks Pillow for its weights, rounded as it rounds them for samples of 8 bits.

    Row `r` of a picture of integers is UNIT at every `count`-th sample from `r` on and else 0,
    so a resampled row has one weight of each output, to the last bit.
    """
    rows, samples = np.arange(count), np.arange(length)
    combs = np.where(samples % count == rows[:, None], np.int32(UNIT), np.int32(0))
    resampled = Image.fromarray(combs).resize((len(starts), count), Image.Resampling(kind))
    places = (starts[:, None] + rows) % count
    weights: Integers = np.asarray(resampled)[places, np.arange(len(starts))[:, None]]
    return weights
