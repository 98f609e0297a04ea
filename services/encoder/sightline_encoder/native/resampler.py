"""Pictures in another size by a compiled kernel, byte for byte as Pillow makes them."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from sightline_encoder.native.pixel_bands import PIXEL_BYTES, ScatteredRowsError, pixel_bands
from sightline_encoder.native.taps import Taps, resampling_taps, unchanged

Plane = npt.NDArray[np.uint8]

_SAMPLES = 3
_int64, _pointer = ctypes.c_int64, ctypes.c_void_p


class _Axis(ctypes.Structure):
    _fields_ = [
        *((name, _pointer) for name in ("starts", "weights")),
        *((name, _int64) for name in ("num_taps", "num_outputs")),
    ]


class _Resampling(ctypes.Structure):
    _fields_ = [
        *((name, _Axis) for name in ("columns", "rows")),
        *((name, _int64) for name in ("width", "rows_first", "stride")),
        ("ring", _pointer),
        ("num_ring_rows", _int64),
        *((name, _pointer) for name in ("batch", "taps", "output")),
        *((name, _int64) for name in ("num_received", "next_input", "next_output")),
    ]


class Resampler:
    """Calls the kernel of a compiled library; raises OSError where that is none."""

    def __init__(self, library: Path) -> None:
        kernels = ctypes.CDLL(str(library))
        if not hasattr(kernels, "resample"):
            raise OSError(f"{library} cannot resample on this processor")
        self._resample = kernels.resample
        self._taps_at_once = int(kernels.taps_at_once())
        self._rows_at_once = int(kernels.rows_at_once())
        self._padding = int(kernels.row_padding())

    def resampled(self, image: Image.Image, size: tuple[int, int], kind: int) -> Plane | None:
        """Returns uint8 [height, width, 3] for an RGB picture and Pillow's filter `kind`.

        `size` is (width, height). None for what the kernel does not know: other modes and
        filters, sides of a few pixels, extreme reductions, rows that lie apart. Raises
        MemoryError.
        """
        if image.mode != "RGB":
            return None
        columns = _taps(image.width, size[0], kind, self._taps_at_once)
        rows = _taps(image.height, size[1], kind, 1)
        if columns is None or rows is None:
            return None
        try:
            return self._run(image, columns, rows)
        except ScatteredRowsError:
            return None

    def _run(self, image: Image.Image, columns: Taps, rows: Taps) -> Plane:
        width, height = len(columns.starts), len(rows.starts)
        keeps_width = width == image.width
        rows_first = not keeps_width and _rows_first(image, width, height)
        stride = max(width * _SAMPLES, image.width * PIXEL_BYTES * rows_first) + self._padding
        ring = np.empty((rows.count + self._rows_at_once, stride), np.uint8)
        batch = np.empty((2 * self._rows_at_once, stride), np.uint8)
        pointers = np.empty(rows.count, np.uintp)
        output = np.empty((height, width, _SAMPLES), np.uint8)
        weights = columns.weights.repeat(PIXEL_BYTES, axis=1)
        picture = _Resampling(
            _axis(columns, weights, 0 if keeps_width else columns.count),
            _axis(rows, rows.weights, rows.count),
            image.width,
            rows_first,
            stride,
            ring.ctypes.data,
            len(ring),
            *(buffer.ctypes.data for buffer in (batch, pointers, output)),
        )
        for address, num_rows in pixel_bands(image):
            self._resample(ctypes.byref(picture), _pointer(address), _int64(num_rows))
        return output


def _taps(length: int, new_length: int, kind: int, multiple: int) -> Taps | None:
    if length == new_length:
        return unchanged(length)
    return resampling_taps(length, new_length, kind, multiple)


def _rows_first(image: Image.Image, width: int, height: int) -> bool:
    """Tells in which order Pillow does its two passes, each of which rounds."""
    removed = image.height - height
    return removed > max(0, 2 * (image.width - width))


def _axis(taps: Taps, weights: npt.NDArray[np.int32], count: int) -> _Axis:
    return _Axis(taps.starts.ctypes.data, weights.ctypes.data, count, len(taps.starts))
