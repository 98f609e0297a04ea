"""The asyncio face of the engine's thread."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sightline_common.errors import (
    DeadlineError,
    EngineFailedError,
    NotReadyError,
    QueueFullError,
    SightlineError,
)
from sightline_common.telemetry import log

from sightline_generator.engine.departures import Departures
from sightline_generator.engine.engine import Engine, SequenceUpdate
from sightline_generator.engine.engine_counts import EngineCounts
from sightline_generator.engine.engine_load import EngineLoad
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.held_updates import HeldUpdates
from sightline_generator.engine.scheduler import Scheduler
from sightline_generator.engine.sequence import Sequence
from sightline_generator.engine.update_stream import UpdateStream

_logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Admission:
    """Places in the engine, held from admission to the end of a request."""

    engine: AsyncEngine
    num_bytes: int
    num_sequences: int

    def __enter__(self) -> Admission:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.engine.release(self)


class AsyncEngine:
    """Owns the thread in which the engine steps.

    At most `max_num_seqs` + `queue_limit` sequences, of requests with `queue_bytes` bytes
    together, are admitted at a time. One callback a step brings its updates to the event
    loop, a sequence's joined that come within `stream_interval_s`. A thread that cannot go on
    ends every sequence, those that come later too, with EngineFailedError.
    """

    def __init__(
        self,
        engine: Engine,
        queue_limit: int,
        queue_bytes: int = 2**62,
        stream_interval_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self.max_admissions = engine.scheduler.limits.max_num_seqs + queue_limit
        self._max_bytes = queue_bytes
        self._num_bytes = 0
        self._num_admitted = 0
        self._departures = Departures()
        self._clock = clock
        self._admissions: set[Admission] = set()
        self._streams: dict[Sequence, UpdateStream] = {}
        self._held = HeldUpdates(stream_interval_s)
        self._deadlines: dict[Sequence, float] = {}
        self._commands: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._end: SightlineError | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_death: Callable[[SightlineError], None] = _ignore

    def start(self, on_death: Callable[[SightlineError], None] | None = None) -> None:
        """Starts the thread; updates go to the running event loop.

        `on_death` is called there should the thread end unasked.
        """
        self._loop = asyncio.get_running_loop()
        self._on_death = on_death or _ignore
        self._thread.start()

    async def stop(self) -> None:
        """Ends all sequences with NotReadyError and waits for the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    @property
    def max_num_seqs(self) -> int:
        return self._engine.scheduler.limits.max_num_seqs

    @property
    def scheduler(self) -> Scheduler:
        """The engine's scheduler, of which others may read what it counts."""
        return self._engine.scheduler

    @property
    def counts(self) -> EngineCounts:
        """What the engine has done so far."""
        return self._engine.counts

    @property
    def load(self) -> EngineLoad:
        scheduler = self._engine.scheduler
        num_running = len(scheduler.running)
        return EngineLoad(
            num_waiting=max(0, self._num_admitted - num_running),
            num_running=num_running,
            num_free_blocks=scheduler.blocks.num_free_blocks,
            num_blocks=scheduler.blocks.num_blocks,
            max_waiting=max(0, self.max_admissions - num_running),
        )

    def reserve(self, num_bytes: int = 0, num_sequences: int = 1) -> Admission:
        """Admits a request of so many bytes and sequences before any expensive work.

        Raises QueueFullError. A request of more bytes than the bound waits until it is alone.
        """
        admission = Admission(self, num_bytes, num_sequences)
        full = self._num_admitted + num_sequences > self.max_admissions
        if full or (self._admissions and self._num_bytes + num_bytes > self._max_bytes):
            raise QueueFullError(
                f"The server already has {len(self._admissions)} requests; try again later.",
                metadata={"request_count": str(len(self._admissions))},
                retry_after_s=self._departures.retry_after_s(len(self._admissions)),
            )
        self._admissions.add(admission)
        self._num_bytes += num_bytes
        self._num_admitted += num_sequences
        return admission

    def release(self, admission: Admission) -> None:
        """Gives a place back; harmless when it was given back."""
        if admission in self._admissions:
            self._admissions.remove(admission)
            self._num_bytes -= admission.num_bytes
            self._num_admitted -= admission.num_sequences
            self._departures.observe(self._clock())

    def submit(
        self,
        sequence: Sequence,
        deadline: float | None = None,
        stream: UpdateStream | None = None,
    ) -> UpdateStream:
        """Queues a sequence; `deadline` is in the clock's seconds.

        Its updates join those of others in `stream` if one is given. Every sequence that
        is submitted must be cancelled in the end.
        """
        updates = stream or UpdateStream()
        self._command(lambda: self._add(sequence, updates, deadline))
        return updates

    def provide(self, sequence: Sequence, features: Mapping[int, FeatureRows]) -> None:
        """Answers an update that wants features: gives them by the index of their span."""
        self._command(lambda: self._provide(sequence, features))

    def num_cached_tokens(self, sequence: Sequence) -> int:
        """Returns how many of a new sequence's tokens the prefix cache holds now.

        A hint: only when the sequence starts are its blocks its own.
        """
        return self._engine.scheduler.blocks.num_cached_tokens(sequence)

    def cancel(self, sequence: Sequence) -> None:
        """Frees a sequence's blocks before the next step; harmless when it has ended."""
        self._command(lambda: self._cancel(sequence))

    # Everything below runs in the engine's thread, or after its end.

    def _add(self, sequence: Sequence, stream: UpdateStream, deadline: float | None) -> None:
        self._streams[sequence] = stream
        if self._end is not None:
            self._end_streams(self._end)
            return
        if deadline is not None:
            self._deadlines[sequence] = deadline
        try:
            self._engine.add(sequence)
        except SightlineError as error:
            self._publish([SequenceUpdate(sequence, error=error)])

    def _provide(self, sequence: Sequence, features: Mapping[int, FeatureRows]) -> None:
        if self._end is None:
            self._engine.provide(sequence, features)

    def _cancel(self, sequence: Sequence) -> None:
        self._forget(sequence)
        if self._end is None:
            self._engine.cancel(sequence)

    def _forget(self, sequence: Sequence) -> None:
        self._deadlines.pop(sequence, None)
        self._held.forget(sequence)
        self._streams.pop(sequence, None)

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._tick_or_fail()
        except BaseException as error:
            _logger.critical("engine died", exc_info=error)
            death = EngineFailedError("The engine died; the server is going down.")
            self._call_soon(lambda: self._on_death(death))
            self._close(death)
        else:
            self._close(NotReadyError("The server is stopping; try again.", retry_after_s=2.0))

    def _close(self, end: SightlineError) -> None:
        """Ends every sequence, those that wait to be added and those to come too."""
        with self._wake:
            self._end = end
            while self._commands:
                self._commands.popleft()()
            self._end_streams(end)

    def _end_streams(self, error: SightlineError) -> None:
        self._publish([SequenceUpdate(sequence, error=error) for sequence in self._streams])

    def _tick_or_fail(self) -> None:
        try:
            self._tick()
        except Exception as error:
            _logger.error("engine step failed", exc_info=error)
            self._publish(self._engine.fail_all(error))
            # A step may break off between the end of a sequence and its update.
            self._end_streams(EngineFailedError("The engine could not compute this request."))

    def _tick(self) -> None:
        while self._commands:
            self._commands.popleft()()
        self._expire()
        self._publish(self._engine.step())

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._stopping or self._commands or self._engine.has_work):
                self._wake.wait()
            return not self._stopping

    def _expire(self) -> None:
        now = self._clock()
        late = [sequence for sequence, deadline in self._deadlines.items() if deadline <= now]
        for sequence in late:
            self._engine.cancel(sequence)
            error = DeadlineError("The deadline passed before the answer was complete.")
            self._publish([SequenceUpdate(sequence, error=error)])

    def _publish(self, updates: list[SequenceUpdate]) -> None:
        delivery = []
        for update in self._held.due(updates, self._clock()):
            stream = self._streams.get(update.sequence)
            if update.ended:
                self._forget(update.sequence)
            if stream is not None:
                delivery.append((stream, update))
        if delivery:
            self._call_soon(lambda: _deliver(delivery))

    def _call_soon(self, callback: Callable[[], None]) -> None:
        assert self._loop is not None, "start was not called"
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            log(_logger, "event loop is gone", level=logging.WARNING)

    def _command(self, command: Callable[[], None]) -> None:
        with self._wake:
            if self._end is not None:
                command()
                return
            self._commands.append(command)
            self._wake.notify()


def _ignore(_error: SightlineError) -> None:
    """Stands for a death that nobody asked to hear of."""


def _deliver(delivery: list[tuple[UpdateStream, SequenceUpdate]]) -> None:
    for stream, update in delivery:
        stream.put(update)
