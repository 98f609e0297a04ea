"""The engine's step: schedule, run, sample, publish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from sightline_common.errors import EngineFailedError, SightlineError

from sightline_generator.engine.chunk_run import ChunkRun, Runner
from sightline_generator.engine.engine_counts import EngineCounts
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.sampled import SampledToken, TokenLogprob
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.scheduler import Schedule, Scheduler
from sightline_generator.engine.sequence import Sequence, SequenceStatus
from sightline_generator.engine.step_in_flight import Awaited, Proof, Sampling, StepInFlight
from sightline_generator.engine.stop import Finish

_logger = logging.getLogger(__name__)


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

    A failure while one sequence is computed, sampled or read ends that sequence. It does not
    reach the others or the caller. Only the device's own failure does: it ends the engine.

    With `overlap` the next step is scheduled and prepared while the device computes one, before
    its tokens are known; a sequence that they turn out to end is computed once in vain.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        sampler: Sampler,
        clock: Callable[[], float] = time.monotonic,
        *,
        overlap: bool = False,
    ) -> None:
        self.scheduler = scheduler
        self._runner = runner
        self._sampler = sampler
        self._clock = clock
        self._overlap = overlap
        self.counts = EngineCounts()
        self._in_flight: StepInFlight | None = None
        self._collected = 0.0

    @property
    def has_work(self) -> bool:
        return self.scheduler.has_work or self._in_flight is not None

    def add(self, sequence: Sequence) -> None:
        """Queues a sequence; raises PromptTooLongError if it can never run."""
        self.scheduler.add(sequence)

    def cancel(self, sequence: Sequence) -> None:
        """Ends a sequence without an update and frees its blocks."""
        if sequence.status is not SequenceStatus.FINISHED:
            self.scheduler.finish(sequence)

    def provide(self, sequence: Sequence, features: Mapping[int, FeatureRows]) -> None:
        """Gives a sequence features by the index of their span, and lets it go on."""
        for index, given in features.items():
            sequence.feature_spans[index].features = given
        self.scheduler.resume(sequence)

    def step(self) -> list[SequenceUpdate]:
        """Computes one step and returns what it brought, at most one update a sequence.

        With `overlap` it starts a step and returns what the one before has brought.
        """
        schedule = self.scheduler.schedule()
        updates = [
            SequenceUpdate(sequence, features_wanted=True) for sequence in schedule.without_features
        ]
        launched = None
        if schedule.chunks:
            began = self._clock()
            self._stamp_admission(schedule.started, began)
            updates += [SequenceUpdate(sequence, started=True) for sequence in schedule.started]
            launched, failures = self._launch(schedule, began)
            updates += failures
        finished = launched
        if self._overlap:
            finished, self._in_flight = self._in_flight, launched
        if finished is not None:
            updates += self._collect(finished)
        return _merged(updates)

    def _launch(
        self, schedule: Schedule, began: float
    ) -> tuple[StepInFlight | None, list[SequenceUpdate]]:
        """Asks the device for a step; returns it, and who failed already."""
        try:
            self._clear_unproven_blocks()
            run = ChunkRun.of(self._runner, schedule.chunks)
        except Exception as error:
            return None, self._failures((chunk.sequence for chunk in schedule.chunks), error)
        failures = [self._failure(sequence, error) for sequence, error in run.failures]
        if run.logits is None:
            return None, failures
        completing = [chunk.sequence for chunk in run.chunks if chunk.completes]
        pieces = [chunk.sequence for chunk in run.chunks if not chunk.completes]
        for chunk in run.chunks:
            chunk.sequence.num_computed_tokens += chunk.num_tokens
            chunk.sequence.drop_used_features()
        proof = Proof.begin(pieces, self._runner.cache)
        samplings, unsampled = self._sample(run.logits, completing)
        return StepInFlight(schedule, began, samplings, proof), failures + unsampled

    def _clear_unproven_blocks(self) -> None:
        blocks = self.scheduler.blocks.take_blocks_to_clear()
        if blocks:
            self._runner.cache.clear(blocks)

    def _sample(
        self, logits: torch.Tensor, sequences: list[Sequence]
    ) -> tuple[list[Sampling], list[SequenceUpdate]]:
        try:
            return [Sampling.begin(sequences, self._sampler.sample(logits, sequences))], []
        except Exception:
            # Once more one by one, so that only the guilty pay.
            return self._sample_each(logits, sequences)

    def _sample_each(
        self, logits: torch.Tensor, sequences: list[Sequence]
    ) -> tuple[list[Sampling], list[SequenceUpdate]]:
        samplings, failures = [], []
        for row, sequence in zip(logits, sequences, strict=True):
            try:
                sampled = self._sampler.sample(row[None], [sequence])
            except Exception as error:
                failures.append(self._failure(sequence, error))
            else:
                samplings.append(Sampling.begin([sequence], sampled))
        return samplings, failures

    def _collect(self, step: StepInFlight) -> list[SequenceUpdate]:
        """Waits for a step's tokens and gives them to the sequences that have not ended since."""
        tokens = [self._tokens(sampling) for sampling in step.samplings]
        for proven in step.proof.proven():
            self._prove(proven)
        now = self._clock()
        step_s = now - max(step.began, self._collected)
        self.scheduler.observe(step.schedule, step_s)
        self.counts.step_s.observe(step_s)
        self.counts.step_tokens.observe(sum(chunk.num_tokens for chunk in step.schedule.chunks))
        self._collected = now
        return [
            self._advance(awaited, token, now)
            for sampling, brought in zip(step.samplings, tokens, strict=True)
            for awaited, token in zip(sampling.awaited, brought, strict=True)
            if awaited.sequence.status is not SequenceStatus.FINISHED
        ]

    def _tokens(self, sampling: Sampling) -> Iterable[SampledToken | Exception]:
        try:
            tokens = sampling.sampled.tokens()
        except Exception as error:
            return [error] * len(sampling.awaited)
        poisoned = EngineFailedError("The model's output is not finite.")
        return [poisoned if token is None else token for token in tokens]

    def fail_all(self, error: Exception) -> list[SequenceUpdate]:
        """Ends every sequence; the engine can go on with new ones."""
        self._in_flight = None
        scheduler = self.scheduler
        everyone = [*scheduler.running, *scheduler.waiting, *scheduler.without_features]
        return self._failures(everyone, error)

    def _stamp_admission(self, sequences: list[Sequence], now: float) -> None:
        for sequence in sequences:
            sequence.times.admitted = now
            self.counts.num_prompt_tokens += sequence.num_prompt_tokens

    def _prove(self, awaited: Awaited) -> None:
        # Finite values have seen every key and value before them: only now may others share
        # these. Who was preempted meanwhile has none left.
        sequence = awaited.sequence
        if sequence.status is SequenceStatus.RUNNING:
            sequence.num_proven_tokens = awaited.num_computed_tokens
            self.scheduler.blocks.commit(sequence)

    def _advance(
        self, awaited: Awaited, token: SampledToken | Exception, now: float
    ) -> SequenceUpdate:
        if isinstance(token, Exception):
            return self._failure(awaited.sequence, token)
        try:
            self._prove(awaited)
            return self._append(awaited.sequence, token, now)
        except Exception as error:
            return self._failure(awaited.sequence, error)

    def _append(self, sequence: Sequence, token: SampledToken, now: float) -> SequenceUpdate:
        sequence.learn_token(token.token_id)
        self.counts.add_token(now, sequence.times.last_token)
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
        self.counts.num_failures += 1
        self.scheduler.finish(sequence, proven=False)
        reported = error if isinstance(error, SightlineError) else None
        return SequenceUpdate(
            sequence,
            error=reported or EngineFailedError("The engine could not compute this request."),
        )


def _merged(updates: Iterable[SequenceUpdate]) -> list[SequenceUpdate]:
    """Returns one update a sequence."""
    by_sequence: dict[Sequence, SequenceUpdate] = {}
    for update in updates:
        earlier = by_sequence.setdefault(update.sequence, update)
        if earlier is not update:
            earlier.extend(update)
    return list(by_sequence.values())
