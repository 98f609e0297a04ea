"""The kernels that resample, where they can be had."""

from functools import cache

import pytest
from sightline_common.native.library import CompilationError, built
from sightline_encoder.native.resampler import Resampler
from sightline_encoder.resampling_library import SOURCE


@cache
def resampler() -> Resampler:
    return Resampler(built(SOURCE))


def _available() -> bool:
    try:
        resampler()
    except (CompilationError, OSError):
        return False
    return True


needs_kernels = pytest.mark.skipif(not _available(), reason="no kernels resample here")
