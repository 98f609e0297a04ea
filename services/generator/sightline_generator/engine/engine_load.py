"""How busy the engine is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineLoad:
    """Tells how busy the engine is."""

    num_waiting: int
    num_running: int
    num_free_blocks: int
    num_blocks: int
    max_waiting: int
