"""Where there is no compiler there is nothing to test."""

from pathlib import Path

import pytest
from sightline_common.native.library import CompilationError
from sightline_common.native.library import compiled as library_of

PRODUCTS = Path(__file__).with_name("packing.cpp")


def products():
    return library_of(PRODUCTS)


def _available() -> bool:
    try:
        products()
    except CompilationError:
        return False
    return True


compiled = pytest.mark.skipif(not _available(), reason="there is no working C++ compiler")
