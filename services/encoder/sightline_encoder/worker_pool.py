"""Decoding in processes that a file may kill without harm to anybody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline_common.errors import (
    EngineFailedError,
    MediaDecoderError,
    NotReadyError,
    QueueFullError,
)
from sightline_common.telemetry import log

from sightline_encoder.decoded import Decoded
from sightline_encoder.quarantine import Quarantine
from sightline_encoder.worker_process import (
    ClockTimeError,
    CpuTimeError,
    WorkerDiedError,
    WorkerLimits,
    WorkerProcess,
)

_logger = logging.getLogger(__name__)
_TRIES = 2


@dataclass(eq=False)
class _Errand:
    """A file that is to be decoded, until it is or nobody waits for it any more."""

    data: bytes
    is_abandoned: bool = False


@dataclass(eq=False)
class _Seat:
    """A place in the pool, the worker that has it now, and whose file that has."""

    worker: WorkerProcess
    errand: _Errand | None = None


class AbandonedError(Exception):
    """Means that a file was given up because nobody waits for it any more."""


class WorkerPool:
    """Runs decoders on at most `num_workers` files at once, each in a process of its own.

    A file that kills its worker is tried once more in a fresh one, then refused; one that
    uses up its CPU time is refused at once. Further tries are refused for `quarantine_s`
    seconds without a worker. Time on the clock blames no file. Workers resample with the library
    `kernels`, if there is one. Safe for several threads; those that find no idle worker wait
    for one.
    """

    def __init__(
        self,
        num_workers: int,
        limits: WorkerLimits | None = None,
        quarantine_s: float = 600.0,
        kernels: Path | None = None,
    ) -> None:
        self.num_deaths = 0
        self._limits = limits or WorkerLimits()
        self._kernels = kernels
        self._quarantine = Quarantine(quarantine_s)
        self._changed = threading.Condition()
        self._is_closed = False
        self._errands: set[_Errand] = set()
        self._seats = [_Seat(self._new_worker()) for _ in range(num_workers)]
        self._idle = list(self._seats)

    @property
    def pids(self) -> list[int]:
        """Returns the processes' ids."""
        return [seat.worker.pid for seat in self._seats]

    def wait_ready(self) -> None:
        """Returns when all workers can decode; raises WorkerDiedError."""
        for seat in self._seats:
            seat.worker.wait_ready()

    def decode(
        self,
        decoder: str,
        data: bytes,
        options: Mapping[str, Any] | None = None,
        limits: WorkerLimits | None = None,
    ) -> Decoded:
        """Runs the function `decode` of the module `decoder` on a file.

        `limits` may give other times than the pool's. The planes are read-only. Raises
        what the decoder raises as MediaError, MediaDecoderError when workers died of the
        file, QueueFullError when only the clock ended it, EngineFailedError when none can be
        started, NotReadyError when the pool is closed, AbandonedError.
        """
        if self._quarantine.holds(data):
            raise _deadly()
        with self._errand(data) as errand:
            return self._run(errand, decoder, options or {}, limits or self._limits)

    def _run(
        self, errand: _Errand, decoder: str, options: Mapping[str, Any], limits: WorkerLimits
    ) -> Decoded:
        for _ in range(_TRIES):
            with self._seat(errand) as seat:
                worker = self._ready_worker(seat)
                self._give(seat, errand)
                try:
                    return worker.decode(decoder, errand.data, options, limits)
                except WorkerDiedError as death:
                    self._renew_after(seat, errand, death)
                    if isinstance(death, ClockTimeError):
                        raise _too_busy() from death
                    if isinstance(death, CpuTimeError):
                        break
        self._quarantine.add(errand.data)
        raise _deadly()

    def abandon(self, data: bytes) -> None:
        """Gives up this object, wherever it is; a worker that has it ends without its guilt."""
        with self._changed:
            given_up = {errand for errand in self._errands if errand.data is data}
            for errand in given_up:
                errand.is_abandoned = True
            for seat in self._seats:
                if seat.errand in given_up:
                    seat.worker.kill()
            self._changed.notify_all()

    def close(self) -> None:
        """Ends all workers; what runs in them is refused with NotReadyError."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            for seat in self._seats:
                seat.worker.kill()
            self._changed.wait_for(lambda: len(self._idle) == len(self._seats))
        for seat in self._seats:
            seat.worker.close()

    @contextmanager
    def _errand(self, data: bytes) -> Iterator[_Errand]:
        errand = _Errand(data)
        with self._changed:
            self._errands.add(errand)
        try:
            yield errand
        finally:
            with self._changed:
                self._errands.discard(errand)

    @contextmanager
    def _seat(self, errand: _Errand) -> Iterator[_Seat]:
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._idle) or self._is_closed or errand.is_abandoned
            )
            self._check_open()
            _check_wanted(errand)
            seat = self._idle.pop()
        try:
            yield seat
        finally:
            with self._changed:
                seat.errand = None
                self._idle.append(seat)
                self._changed.notify_all()

    def _give(self, seat: _Seat, errand: _Errand) -> None:
        """Notes which file a worker gets; a worker may have taken long to start."""
        with self._changed:
            _check_wanted(errand)
            seat.errand = errand

    def _ready_worker(self, seat: _Seat) -> WorkerProcess:
        """Returns a seat's worker; a death before it had any file is no file's fault."""
        for _ in range(_TRIES):
            if not seat.worker.is_alive:
                self._renew(seat, "worker died while idle")
            try:
                seat.worker.wait_ready()
                return seat.worker
            except WorkerDiedError as death:
                self._renew(seat, f"worker did not start: {death}")
        raise EngineFailedError("No process to decode files in could be started.")

    def _renew_after(self, seat: _Seat, errand: _Errand, death: WorkerDiedError) -> None:
        """Raises AbandonedError when it was no death of the file's making."""
        if errand.is_abandoned:
            self._renew(seat, "worker ended: nobody waits for its file")
            raise AbandonedError from death
        self._renew(seat, f"worker died of a file: {death}")

    def _renew(self, seat: _Seat, event: str) -> None:
        seat.worker.close()
        with self._changed:
            self._check_open()
            log(_logger, event, logging.WARNING, pid=seat.worker.pid)
            self.num_deaths += 1
            seat.worker = self._new_worker()

    def _new_worker(self) -> WorkerProcess:
        return WorkerProcess(self._limits, self._kernels)

    def _check_open(self) -> None:
        if self._is_closed:
            raise NotReadyError("The server is stopping; try again.", retry_after_s=2.0)


def _check_wanted(errand: _Errand) -> None:
    if errand.is_abandoned:
        raise AbandonedError


def _too_busy() -> QueueFullError:
    return QueueFullError(
        "The file was not decoded in time; the server may be busy. Try again.", retry_after_s=5.0
    )


def _deadly() -> MediaDecoderError:
    return MediaDecoderError(
        "The file makes its decoder fail or exceed its memory or time; save it anew or smaller."
    )
