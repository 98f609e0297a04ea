"""glibc's allocator as services have it, for a benchmark that is itself one end of a stream."""

from __future__ import annotations

import os
import sys

from sightline_common.malloc import MALLOC_VARIABLES


def restart_as_deployed() -> None:
    """Starts this process anew with the two variables, which glibc reads only then, if it must."""
    if MALLOC_VARIABLES.keys() - os.environ.keys():
        environment = {**MALLOC_VARIABLES, **os.environ}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
