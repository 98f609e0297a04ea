"""Where there is no compiler there is nothing to test."""

import pytest
from sightline_generator.native.library import CompilationError, library


def _available() -> bool:
    try:
        library()
    except CompilationError:
        return False
    return True


compiled = pytest.mark.skipif(not _available(), reason="there is no working C++ compiler")
