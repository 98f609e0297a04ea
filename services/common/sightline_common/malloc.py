"""How glibc's allocator is told to keep the memory of tensors and messages."""

from __future__ import annotations

MALLOC_VARIABLES = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 1024**2),
}
"""Environment variables that glibc reads when a process starts; others ignore them.

Blocks of up to 32 MiB then come from the heap, which keeps up to 256 MiB of what was freed;
otherwise every message of a stream is mapped, faulted in page by page, and unmapped. Only
together: either alone ends glibc's own adaptation and is worse than neither.
"""
