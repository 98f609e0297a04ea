"""The engine's step: schedule, run, sample, publish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
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
    """Tells what happened to a sequence; ended when `finish` or `error` is set.

    `started` comes once, when it runs for the first time. `features_wanted` asks for those
    that the sequence lacks: it does not go on until `Engine.provide`.
    """

    sequence: Sequence
    text: str = ""
    reasoning: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish: Finish | None = None
    error: SightlineError | None = None
    started: bool = False
    features_wanted: bool = False

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
        self.started |= later.started
        self.features_wanted |= later.features_wanted


class Engine:
    """Runs sequences to their end, one step at a time; used from one thread only.

    A failure while one sequence is sampled or read ends that sequence; a failed forward
    pass ends those that were in it. Neither reaches the others or the caller. Only the
    device's own failure does: it ends the engine.
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

    def provide(self, sequence: Sequence, features: Mapping[int, torch.Tensor]) -> None:
        """Gives a sequence features by the index of their span, and lets it go on."""
        for index, given in features.items():
            sequence.feature_spans[index].features = given
        self.scheduler.resume(sequence)

    def step(self) -> list[SequenceUpdate]:
        """Computes one step and returns what it brought, at most one update a sequence."""
        schedule = self.scheduler.schedule()
        updates = [
            SequenceUpdate(sequence, features_wanted=True) for sequence in schedule.without_features
        ]
        if schedule.chunks:
            began = self._clock()
            self._stamp_admission(schedule.started, began)
            updates += _with_started(self._compute(schedule.chunks), schedule.started)
            self.scheduler.observe(schedule, self._clock() - began)
        return updates

    def _compute(self, chunks: list[ScheduledChunk]) -> list[SequenceUpdate]:
        try:
            self._clear_unproven_blocks()
            logits = self._runner.run(chunks)
        except Exception as error:
            return self._failures((chunk.sequence for chunk in chunks), error)
        completing = [chunk.sequence for chunk in chunks if chunk.completes]
        for chunk in chunks:
            chunk.sequence.num_computed_tokens += chunk.num_tokens
            chunk.sequence.drop_used_features()
        return self._advance_all(logits, completing)

    def _clear_unproven_blocks(self) -> None:
        blocks = self.scheduler.blocks.take_blocks_to_clear()
        if blocks:
            self._runner.cache.clear(blocks)

    def fail_all(self, error: Exception) -> list[SequenceUpdate]:
        """Ends every sequence; the engine can go on with new ones."""
        scheduler = self.scheduler
        everyone = [*scheduler.running, *scheduler.waiting, *scheduler.without_features]
        return self._failures(everyone, error)

    def _stamp_admission(self, sequences: list[Sequence], now: float) -> None:
        for sequence in sequences:
            sequence.times.admitted = now

    def _advance_all(self, logits: torch.Tensor, sequences: list[Sequence]) -> list[SequenceUpdate]:
        # A sum shows a NaN or infinity anywhere in its row, and is thirty times cheaper to have.
        finite = logits.sum(dim=-1).isfinite().tolist()
        sound = [row for row, is_finite in enumerate(finite) if is_finite]
        poisoned = [sequences[row] for row, is_finite in enumerate(finite) if not is_finite]
        updates = self._failures(poisoned, EngineFailedError("The model's output is not finite."))
        for row in sound:
            self._prove(sequences[row])
        rows = logits if len(sound) == len(sequences) else logits[sound]
        chosen = self._sample(rows, [sequences[row] for row in sound])
        now = self._clock()
        return updates + [self._advance(sequence, token, now) for sequence, token in chosen]

    def _prove(self, sequence: Sequence) -> None:
        # Finite logits have seen every key and value: only now may others share them.
        sequence.num_proven_tokens = sequence.num_computed_tokens
        self.scheduler.blocks.commit(sequence)

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
        if isinstance(error, torch.AcceleratorError):
            # After one of these every further call to the device fails: nobody can go on.
            raise error
        _logger.error(
            "sequence failed",
            exc_info=error,
            extra={
                "fields": {"request_id": sequence.request_id, "num_tokens": sequence.num_tokens}
            },
        )
        self.scheduler.finish(sequence, proven=False)
        reported = error if isinstance(error, SightlineError) else None
        return SequenceUpdate(
            sequence,
            error=reported or EngineFailedError("The engine could not compute this request."),
        )


def _with_started(updates: list[SequenceUpdate], started: list[Sequence]) -> list[SequenceUpdate]:
    """Says in every newcomer's update that it runs."""
    by_sequence = {update.sequence: update for update in updates}
    for sequence in started:
        by_sequence.setdefault(sequence, SequenceUpdate(sequence)).started = True
    return list(by_sequence.values())
