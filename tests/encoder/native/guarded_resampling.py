"""`python -m tests.encoder.native.guarded_resampling`: dies of an access beyond any buffer.

Every buffer that the kernel sees ends where a page begins that nobody may touch.
"""

import ctypes
import mmap

import numpy as np
from PIL import Image
from sightline_encoder.native import resampler as module

from tests.encoder.native.resampling import resampler

SIZES = [
    ((300, 200), (170, 131)),
    ((300, 201), (170, 201)),
    ((299, 200), (299, 131)),
    ((200, 300), (150, 199)),
    ((64, 301), (50, 97)),
    ((131, 90), (400, 301)),
    ((16, 16), (3, 3)),
    ((16, 16), (50, 47)),
]
_kept = []


def guarded(shape, dtype):
    """Returns an array whose last byte is the last of its mapping."""
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    before = -(-num_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
    mapping = mmap.mmap(-1, before + mmap.PAGESIZE)
    whole = np.frombuffer(mapping, np.uint8)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    address = ctypes.c_void_p(whole.ctypes.data + before)
    assert protect(address, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    _kept.append(mapping)
    return whole[before - num_bytes : before].view(dtype).reshape(shape)


def guarded_bands(image):
    for top in range(0, image.height, 50):
        band = image.crop((0, top, image.width, min(top + 50, image.height)))
        pixels = guarded((band.height, band.width, 4), np.uint8)
        pixels[:] = np.asarray(band.convert("RGBX"))
        yield pixels.ctypes.data, band.height


class Numpy:
    """numpy, but for its memory."""

    uint8, uintp = np.uint8, np.uintp

    @staticmethod
    def empty(shape, dtype):
        return guarded((shape,) if isinstance(shape, int) else shape, dtype)


def main():
    used = resampler()
    module.np, module.pixel_bands = Numpy, guarded_bands
    for before, after in SIZES:
        samples = np.random.default_rng(0).integers(0, 256, (*before[::-1], 3), dtype=np.uint8)
        image = Image.fromarray(samples)
        found = used.resampled(image, after, Image.Resampling.BICUBIC)
        assert np.array_equal(found, np.asarray(image.resize(after, Image.Resampling.BICUBIC)))


if __name__ == "__main__":
    main()
