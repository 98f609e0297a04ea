"""The engine's step: schedule, run, sample, publish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from sightline_common.errors import EngineFailedError, SightlineError

from sightline_generator.engine.model_runner import KVCache
from sightline_generator.engine.sampler import SampledToken, Sampler, TokenLogprob
from sightline_generator.engine.scheduler import ScheduledChunk, Scheduler
from sightline_generator.engine.sequence import Sequence, SequenceStatus
from sightline_generator.engine.stop import Finish

_logger = logging.getLogger(__name__)


class Runner(Protocol):
    """The part of ModelRunner that the engine uses."""

    cache: KVCache

    def run(self, chunks: list[ScheduledChunk]) -> torch.Tensor: ...


@dataclass
class SequenceUpdate:
    """Tells what happened to a sequence; ended when `finish` or `error` is set."""

    sequence: Sequence
    text: str = ""
    reasoning: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish: Finish | None = None
    error: SightlineError | None = None

    @property
    def ended(self) -> bool:
        return self.finish is not None or self.error is not None

    def extend(self, later: SequenceUpdate) -> None:
        """Appends what happened next."""
        self.text += later.text
        self.reasoning += later.reasoning
        self.token_ids += later.token_ids
        self.logprobs += later.logprobs
        self.finish, self.error = later.finish, later.error


class Engine:
    """Runs sequences to their end, one step at a time; used from one thread only.

    A failure while one sequence is sampled or read ends that sequence; a failed forward
    pass ends those that were in it. Neither reaches the others or the caller.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        sampler: Sampler,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scheduler = scheduler
        self._runner = runner
        self._sampler = sampler
        self._clock = clock

    @property
    def has_work(self) -> bool:
        return self.scheduler.has_work

    def add(self, sequence: Sequence) -> None:
        """Queues a sequence; raises PromptTooLongError if it can never run."""
        self.scheduler.add(sequence)

    def cancel(self, sequence: Sequence) -> None:
        """Ends a sequence without an update and frees its blocks."""
        if sequence.status is not SequenceStatus.FINISHED:
            self.scheduler.finish(sequence)

    def step(self) -> list[SequenceUpdate]:
        """Computes one step and returns what it brought, at most one update a sequence."""
        chunks = self.scheduler.schedule()
        if not chunks:
            return []
        self._stamp_admission(chunks)
        try:
            logits = self._runner.run(chunks)
        except Exception as error:
            return self._failures((chunk.sequence for chunk in chunks), error)
        completing = [chunk.sequence for chunk in chunks if chunk.completes]
        for chunk in chunks:
            chunk.sequence.num_computed_tokens += chunk.num_tokens
        return self._advance_all(logits, completing)

    def fail_all(self, error: Exception) -> list[SequenceUpdate]:
        """Ends every sequence; the engine can go on with new ones."""
        return self._failures([*self.scheduler.running, *self.scheduler.waiting], error)

    def _stamp_admission(self, chunks: list[ScheduledChunk]) -> None:
        now = self._clock()
        for chunk in chunks:
            if chunk.sequence.times.admitted is None:
                chunk.sequence.times.admitted = now

    def _advance_all(self, logits: torch.Tensor, sequences: list[Sequence]) -> list[SequenceUpdate]:
        finite = logits.isfinite().all(dim=-1).tolist()
        sound = [row for row, is_finite in enumerate(finite) if is_finite]
        poisoned = [sequences[row] for row, is_finite in enumerate(finite) if not is_finite]
        updates = self._failures(poisoned, EngineFailedError("The model's output is not finite."))
        rows = logits if len(sound) == len(sequences) else logits[sound]
        chosen = self._sample(rows, [sequences[row] for row in sound])
        now = self._clock()
        return updates + [self._advance(sequence, token, now) for sequence, token in chosen]

    def _sample(
        self, logits: torch.Tensor, sequences: list[Sequence]
    ) -> list[tuple[Sequence, SampledToken | Exception]]:
        try:
            return list(zip(sequences, self._sampler.sample(logits, sequences), strict=True))
        except Exception:
            # Once more one by one, so that only the guilty pay.
            return [
                (sequence, self._sample_alone(row, sequence))
                for row, sequence in zip(logits, sequences, strict=True)
            ]

    def _sample_alone(self, row: torch.Tensor, sequence: Sequence) -> SampledToken | Exception:
        try:
            (token,) = self._sampler.sample(row[None], [sequence])
        except Exception as error:
            return error
        return token

    def _advance(
        self, sequence: Sequence, token: SampledToken | Exception, now: float
    ) -> SequenceUpdate:
        if isinstance(token, Exception):
            return self._failure(sequence, token)
        try:
            return self._append(sequence, token, now)
        except Exception as error:
            return self._failure(sequence, error)

    def _append(self, sequence: Sequence, token: SampledToken, now: float) -> SequenceUpdate:
        sequence.token_ids.append(token.token_id)
        if sequence.times.first_token is None:
            sequence.times.first_token = now
        sequence.times.last_token = now
        progress = sequence.stop_checker.push(token.token_id)
        if progress.finish is not None:
            self.scheduler.finish(sequence)
        return SequenceUpdate(
            sequence,
            text=progress.piece.text,
            reasoning=progress.piece.reasoning,
            token_ids=[token.token_id],
            logprobs=[token.logprob] if token.logprob is not None else [],
            finish=progress.finish,
        )

    def _failures(self, sequences: Iterable[Sequence], error: Exception) -> list[SequenceUpdate]:
        return [self._failure(sequence, error) for sequence in sequences]

    def _failure(self, sequence: Sequence, error: Exception) -> SequenceUpdate:
        _logger.error(
            "sequence failed",
            exc_info=error,
            extra={"fields": {"num_tokens": sequence.num_tokens}},
        )
        self._runner.cache.clear(sequence.block_table)
        self.scheduler.finish(sequence)
        reported = error if isinstance(error, SightlineError) else None
        return SequenceUpdate(
            sequence,
            error=reported or EngineFailedError("The engine could not compute this request."),
        )
