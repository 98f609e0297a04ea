"""What is to happen when a gRPC call has ended, however it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def at_call_end(callback: Callable[[], object]) -> None:
    """Runs a callback when the call that the current task answers has ended.

    A generator alone does not suffice: when a client goes away while a write is blocked, it
    is closed late. A context's own `add_done_callback` binds context and call to each other
    for good, so that ended calls, kilobytes each, would wait for the garbage collector's
    rarest pass.
    """
    task = asyncio.current_task()
    assert task is not None, "calls are answered in tasks"
    task.add_done_callback(lambda _: callback())
