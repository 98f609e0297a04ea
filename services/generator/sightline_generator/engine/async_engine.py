"""The asyncio face of the engine's thread."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sightline_common.errors import (
    DeadlineError,
    NotReadyError,
    QueueFullError,
    SightlineError,
)
from sightline_common.telemetry import log

from sightline_generator.engine.engine import Engine, SequenceUpdate
from sightline_generator.engine.sequence import Sequence

_logger = logging.getLogger(__name__)


class UpdateStream:
    """Delivers a sequence's updates to one consumer.

    What a slow consumer has not taken is merged, so no more than one update waits.
    """

    def __init__(self) -> None:
        self._pending: SequenceUpdate | None = None
        self._arrived = asyncio.Event()

    def put(self, update: SequenceUpdate) -> None:
        """Adds an update; on the event loop only."""
        if self._pending is None:
            self._pending = update
        else:
            self._pending.extend(update)
        self._arrived.set()

    async def updates(self) -> AsyncIterator[SequenceUpdate]:
        """Yields updates until the sequence ends; the last one has a `finish`.

        Raises the error that ended the sequence, after the updates before it.
        """
        while True:
            update = await self._next()
            if update.token_ids or update.finish is not None:
                yield update
            if update.error is not None:
                raise update.error
            if update.finish is not None:
                return

    async def _next(self) -> SequenceUpdate:
        await self._arrived.wait()
        self._arrived.clear()
        update, self._pending = self._pending, None
        assert update is not None, "the event was set without an update"
        return update


@dataclass(eq=False)
class Slot:
    """A place in the engine, held from admission to the end of a request."""

    engine: AsyncEngine

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.engine.release(self)


@dataclass(frozen=True)
class EngineLoad:
    """Tells how busy the engine is."""

    num_waiting: int
    num_running: int
    num_free_blocks: int
    num_blocks: int
    max_waiting: int


class AsyncEngine:
    """Owns the thread in which the engine steps.

    At most `max_num_seqs` + `queue_limit` requests hold a slot at a time. One callback a
    step brings all its updates to the event loop.
    """

    def __init__(
        self, engine: Engine, queue_limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._queue_limit = queue_limit
        self._max_slots = engine.scheduler.limits.max_num_seqs + queue_limit
        self._clock = clock
        self._slots: set[Slot] = set()
        self._streams: dict[Sequence, UpdateStream] = {}
        self._deadlines: dict[Sequence, float] = {}
        self._commands: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._last_tick = clock()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the thread; updates go to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Ends all sequences with NotReadyError and waits for the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    @property
    def tick_age_s(self) -> float:
        """Seconds since the thread last began a step or found nothing to do."""
        return 0.0 if not self._engine.has_work else self._clock() - self._last_tick

    @property
    def load(self) -> EngineLoad:
        scheduler = self._engine.scheduler
        num_running = len(scheduler.running)
        return EngineLoad(
            num_waiting=max(0, len(self._slots) - num_running),
            num_running=num_running,
            num_free_blocks=scheduler.blocks.num_free_blocks,
            num_blocks=scheduler.blocks.num_blocks,
            max_waiting=self._queue_limit,
        )

    def reserve(self) -> Slot:
        """Admits a request before any expensive work; raises QueueFullError."""
        if len(self._slots) >= self._max_slots:
            raise QueueFullError(
                f"The server already has {len(self._slots)} requests; try again later.",
                metadata={"request_count": str(len(self._slots))},
                retry_after_s=1.0,
            )
        slot = Slot(self)
        self._slots.add(slot)
        return slot

    def release(self, slot: Slot) -> None:
        """Gives a slot back."""
        self._slots.discard(slot)

    def submit(self, sequence: Sequence, deadline: float | None = None) -> UpdateStream:
        """Queues a sequence; `deadline` is in the clock's seconds.

        Every sequence that is submitted must be cancelled in the end.
        """
        stream = UpdateStream()
        self._command(lambda: self._add(sequence, stream, deadline))
        return stream

    def cancel(self, sequence: Sequence) -> None:
        """Frees a sequence's blocks before the next step; harmless when it has ended."""
        self._command(lambda: self._cancel(sequence))

    # Everything below runs in the engine's thread.

    def _add(self, sequence: Sequence, stream: UpdateStream, deadline: float | None) -> None:
        self._streams[sequence] = stream
        if deadline is not None:
            self._deadlines[sequence] = deadline
        try:
            self._engine.add(sequence)
        except SightlineError as error:
            self._publish([SequenceUpdate(sequence, error=error)])

    def _cancel(self, sequence: Sequence) -> None:
        self._forget(sequence)
        self._engine.cancel(sequence)

    def _forget(self, sequence: Sequence) -> UpdateStream | None:
        self._deadlines.pop(sequence, None)
        return self._streams.pop(sequence, None)

    def _run(self) -> None:
        while self._wait_for_work():
            self._last_tick = self._clock()
            try:
                self._tick()
            except Exception as error:
                log(_logger, "engine step failed", level=logging.ERROR)
                self._publish(self._engine.fail_all(error))
        stopped = NotReadyError("The server is stopping; try again.", retry_after_s=2.0)
        self._publish([SequenceUpdate(sequence, error=stopped) for sequence in self._streams])

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
        self._publish([SequenceUpdate(sequence, error=error) for sequence in late])

    def _publish(self, updates: list[SequenceUpdate]) -> None:
        delivery = []
        for update in updates:
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
            self._commands.append(command)
            self._wake.notify()


def _deliver(delivery: list[tuple[UpdateStream, SequenceUpdate]]) -> None:
    for stream, update in delivery:
        stream.put(update)
