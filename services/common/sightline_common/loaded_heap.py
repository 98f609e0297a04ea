"""What a service has loaded, which the garbage collector need not look at again."""

from __future__ import annotations

import gc


def settle() -> None:
    """Takes all objects that live now out of the collector's passes, once they are loaded.

    torch and transformers leave a million objects that stay as long as the process; each full
    pass over them holds up the event loop, and every request, for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
