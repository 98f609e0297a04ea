"""The pixels of a picture of Pillow's, where they lie."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from PIL import Image

BAND_BYTES = 1024**2
"""How much is copied at a time of a picture that lies in several blocks of memory."""
PIXEL_BYTES = 4
"""Three samples and padding."""

_int64, _pointer = ctypes.c_int64, ctypes.c_void_p


class _ArrowArray(ctypes.Structure):
    """`struct ArrowArray` of Arrow's C data interface."""


_ArrowArray._fields_ = [
    *((name, _int64) for name in ("length", "null_count", "offset", "num_buffers", "num_children")),
    ("buffers", ctypes.POINTER(_pointer)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
    *((name, _pointer) for name in ("dictionary", "release", "private_data")),
]

_address_of = ctypes.PYFUNCTYPE(_pointer, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class ScatteredRowsError(ValueError):
    """Means that not even a few rows follow each other in memory, or Pillow does not say where."""


def pixel_bands(image: Image.Image) -> Iterator[tuple[int, int]]:
    """Yields address and number of the rows [num_rows, width, 4] of an RGB picture, in order.

    An address is good until the next one. Raises ScatteredRowsError and MemoryError.
    """
    try:
        address = _address(image)
    except ScatteredRowsError:  # It lies in several blocks of memory.
        for part in _parts(image):
            yield _address(part), part.height
    else:
        yield address, image.height


def _parts(image: Image.Image) -> Iterator[Image.Image]:
    step = max(1, BAND_BYTES // (image.width * PIXEL_BYTES))
    for top in range(0, image.height, step):
        yield image.crop((0, top, image.width, min(top + step, image.height)))


def _address(image: Image.Image) -> int:
    """Returns where all pixels lie as long as the picture lives; raises ScatteredRowsError."""
    try:
        _schema, capsule = image.__arrow_c_array__()
    except ValueError as error:
        raise ScatteredRowsError(str(error)) from error
    array = _ArrowArray.from_address(_address_of(capsule, b"arrow_array"))
    if array.length != image.width * image.height or array.offset:
        raise ScatteredRowsError("The rows do not follow each other.")
    address: int = array.children[0].contents.buffers[1]
    return address
