"""glibc's allocator as services have it, or as it comes, for a benchmark that is itself one end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from sightline_common.malloc import MALLOC_VARIABLES


def restart_as_deployed() -> None:
    """Starts this process anew with the two variables, which glibc reads only then, if it must."""
    _restart_with({**MALLOC_VARIABLES, **os.environ})


def restart_with_defaults() -> None:
    """Starts this process anew without any variable of glibc's allocator, if it has one."""
    _restart_with(
        {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    )


def _restart_with(environment: Mapping[str, str]) -> None:
    if environment != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
