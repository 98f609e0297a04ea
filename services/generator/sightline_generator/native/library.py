"""The decoder's kernels."""

from __future__ import annotations

import ctypes
from pathlib import Path

from sightline_common.native.library import compiled

SOURCE = Path(__file__).with_name("kernels.cpp")


def library() -> ctypes.CDLL:
    """Loads the kernels; raises CompilationError where they cannot be had."""
    return compiled(SOURCE)
