"""Steps of a start that take long, told when they begin and when they end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sightline_common.telemetry import log

_logger = logging.getLogger(__name__)
Loaded = TypeVar("Loaded")


def logged_step(name: str, load: Callable[[], Loaded]) -> Loaded:
    """Returns what `load` returns, and logs how many seconds that took."""
    log(_logger, f"loading {name}")
    started = time.monotonic()
    loaded = load()
    log(_logger, f"loaded {name}", seconds=round(time.monotonic() - started, 2))
    return loaded
