"""The forward pass of a step, of which one chunk's failure is its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from sightline_generator.engine.model_runner import KVCache
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.sequence import Sequence


class Runner(Protocol):
    """The part of ModelRunner that the engine uses."""

    cache: KVCache

    def run(self, chunks: list[ScheduledChunk]) -> torch.Tensor: ...


@dataclass(frozen=True)
class ChunkRun:
    """Says which chunks were computed, and why others were not.

    `logits` [num_completing_chunks, vocabulary_size] are those of `chunks`; None without any.
    """

    chunks: list[ScheduledChunk]
    logits: torch.Tensor | None
    failures: list[tuple[Sequence, Exception]]

    @classmethod
    def of(cls, runner: Runner, chunks: list[ScheduledChunk]) -> ChunkRun:
        """Computes chunks together, and one by one if that fails: only the guilty pay.

        Keys and values that were written before the failure are only written again.
        """
        try:
            return cls(chunks, runner.run(chunks), [])
        except torch.AcceleratorError:
            # Every further call to the device would fail as well.
            raise
        except Exception as error:
            if len(chunks) == 1:
                return cls([], None, [(chunks[0].sequence, error)])
        # Behind the handler: what the failure holds of the device's memory is free by now.
        return cls._joined([cls._alone(runner, chunk) for chunk in chunks])

    @classmethod
    def _alone(cls, runner: Runner, chunk: ScheduledChunk) -> ChunkRun:
        run = cls.of(runner, [chunk])
        # The next run may overwrite the logits.
        return cls(run.chunks, None if run.logits is None else run.logits.clone(), run.failures)

    @classmethod
    def _joined(cls, runs: list[ChunkRun]) -> ChunkRun:
        rows = [run.logits for run in runs if run.logits is not None]
        return cls(
            [chunk for run in runs for chunk in run.chunks],
            torch.cat(rows) if rows else None,
            [failure for run in runs for failure in run.failures],
        )
