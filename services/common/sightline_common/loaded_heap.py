"""What a service has loaded, which the garbage collector need not look at again."""

from __future__ import annotations

import gc


def settle() -> None:
    """Takes all objects that live now out of the collector's passes, once they are loaded.

    torch and a model leave objects by the hundred thousand that stay as long as the process; each
    full pass over them holds up the event loop, and every request (ADR 27).
    """
    gc.collect()
    gc.freeze()
