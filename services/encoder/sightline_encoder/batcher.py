"""Packs waiting pictures into shared forward passes."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import torch
from sightline_common.errors import EngineFailedError, NotReadyError, SightlineError

from sightline_encoder.fair_queue import FairQueue
from sightline_encoder.pass_counts import PassCounts
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.tiling import TileRule
from sightline_encoder.units import Unit, join, split

_logger = logging.getLogger(__name__)
_WAITING_PASSES = 4
"""Bounds the patches that wait, counted in full passes, and the pictures larger than one."""
_MAX_LANES = 4
_LANE_SHARE = 4
"""Of several lanes each takes at most this share of `max_patches`, so that all have work."""
_COST_SHARE = 16
"""The smallest picture costs this share of a pass, so that few overtake a large one."""


class Tower(Protocol):
    """The part of VisionTower that is used here."""

    tile_rule: TileRule

    def encode_units(self, units: Sequence[Unit]) -> list[torch.Tensor]: ...


@dataclass(frozen=True)
class EncodedImage:
    """A picture's features, [num_tokens, hidden_size] on the CPU, and its share of passes."""

    features: torch.Tensor
    tower_s: float


Outcome = EncodedImage | SightlineError


@dataclass(eq=False)
class _Job:
    """A picture or video, its units, and the features of those that passed."""

    units: list[Unit]
    num_patches: int
    future: asyncio.Future[EncodedImage]
    features: dict[int, torch.Tensor] = field(default_factory=dict)
    num_left: int = 0
    tower_s: float = 0.0


@dataclass(frozen=True)
class _Piece:
    """One unit of a job."""

    job: _Job
    index: int

    @property
    def unit(self) -> Unit:
        return self.job.units[self.index]

    @property
    def is_wanted(self) -> bool:
        return not self.job.future.done()


class Batcher:
    """Packs units (pictures, frame groups, tiles) into passes of up to `max_patches`.

    There is no waiting for company: what arrives during a pass shares the next one. The
    units of a large request take turns with other requests. A picture that fails, or whose
    features are not finite, fails alone.

    On a CPU with several `num_threads` passes run side by side in lanes: each has its share of
    the threads, and all of them when it is alone. Threads that compute different pictures
    wait for each other nowhere.
    """

    def __init__(self, tower: Tower, max_patches: int, num_threads: int = 1) -> None:
        self.num_forwards = 0
        self.counts = PassCounts()
        self._tower = tower
        self._max_patches = max_patches
        self._num_threads = num_threads
        self._num_lanes = min(num_threads, _MAX_LANES)
        self._num_running = 0
        self._lock = threading.Lock()
        self._queue: FairQueue[_Piece] = FairQueue()
        self._held_patches = 0
        self._held_large = 0
        self._changed = asyncio.Condition()
        self._threads = ThreadPoolExecutor(self._num_lanes, "tower")
        self._lanes = [
            asyncio.create_task(self._run(), name=f"batcher-{lane}")
            for lane in range(self._num_lanes)
        ]

    @property
    def tile_rule(self) -> TileRule:
        """How the tower's pictures are cut into tiles."""
        return self._tower.tile_rule

    @property
    def num_waiting(self) -> int:
        """Counts units that wait for a pass."""
        return len(self._queue)

    async def submit(
        self, image: PreparedImage, rule: TileRule | None = None
    ) -> asyncio.Future[EncodedImage]:
        """Queues a picture or video, waiting while the queue is full; returns its future result.

        With a rule it passes in tiles. What has not passed when its future is cancelled is
        not computed.
        """
        future: asyncio.Future[EncodedImage] = asyncio.get_running_loop().create_future()
        units = split(image, rule)
        job = _Job(units, image.num_patches, future, num_left=len(units))
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(job))
            self._hold(job, 1)
            pieces = [_Piece(job, index) for index in range(len(units))]
            self._queue.push((self._cost(piece), piece) for piece in pieces)
            self._changed.notify_all()
        return future

    async def close(self) -> None:
        """Ends after the running passes; pictures still waiting get NotReadyError."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)
        _fail(self._queue.clear(), _stopping())

    def _cost(self, piece: _Piece) -> int:
        smallest = max(self._max_patches // _COST_SHARE, 1)
        return min(max(piece.unit.num_patches, smallest), self._max_patches)

    def _has_room(self, job: _Job) -> bool:
        """Large pictures are counted apart: small ones never wait for them to be admitted."""
        if job.num_patches > self._max_patches:
            return self._held_large < _WAITING_PASSES
        return self._held_patches + job.num_patches <= _WAITING_PASSES * self._max_patches

    def _hold(self, job: _Job, sign: int) -> None:
        if job.num_patches > self._max_patches:
            self._held_large += sign
        else:
            self._held_patches += sign * job.num_patches

    async def _run(self) -> None:
        while True:
            await self._serve_next_pieces()

    async def _serve_next_pieces(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._queue))
            pieces = self._next_pieces()
        wanted = [piece for piece in pieces if piece.is_wanted]
        try:
            await self._encode(wanted)
        except Exception as error:
            _logger.error("pass failed", exc_info=error)
            _fail(wanted, EngineFailedError("The vision tower failed on this picture."))
        except BaseException:
            _fail(wanted, _stopping())
            raise
        async with self._changed:
            for piece in pieces:
                self._release(piece.job)
            self._changed.notify_all()

    def _release(self, job: _Job) -> None:
        job.num_left -= 1
        if not job.num_left:
            self._hold(job, -1)

    def _next_pieces(self) -> list[_Piece]:
        """Takes units off the queue; those of cancelled pictures fill no pass."""
        limit = self._max_patches if self._num_lanes == 1 else self._max_patches // _LANE_SHARE
        pieces: list[_Piece] = []
        num_patches = 0
        while self._queue:
            first = self._queue.first()
            added = first.unit.num_patches if first.is_wanted else 0
            if num_patches and num_patches + added > limit:
                break
            num_patches += added
            pieces.append(self._queue.pop())
        return pieces

    async def _encode(self, pieces: Sequence[_Piece]) -> None:
        if not pieces:
            return
        loop = asyncio.get_running_loop()
        self._num_running += 1
        try:
            outcomes = await loop.run_in_executor(
                self._threads, self._pass_with, self._threads_to_use(), pieces
            )
        finally:
            self._num_running -= 1
        for piece, outcome in zip(pieces, outcomes, strict=True):
            if outcome is not None:
                _settle(piece.job.future, outcome)

    def _threads_to_use(self) -> int:
        """Returns a lane's share, and all threads for a pass without company."""
        alone = self._num_running == 1 and not self._queue
        return self._num_threads if alone else self._num_threads // self._num_lanes

    def _pass_with(self, num_threads: int, pieces: Sequence[_Piece]) -> list[Outcome | None]:
        if self._num_lanes > 1:
            torch.set_num_threads(num_threads)  # of the calling thread
        return self._pass(pieces)

    def _pass(self, pieces: Sequence[_Piece]) -> list[Outcome | None]:
        """Returns what became of each unit's picture, None where others of it are missing."""
        started = time.monotonic()
        with self._lock:
            self.num_forwards += 1
        try:
            features = self._tower.encode_units([piece.unit for piece in pieces])
        except SightlineError as error:
            return [error] if len(pieces) == 1 else self._pass_alone(pieces, error)
        except Exception as error:
            return self._pass_alone(pieces, error)
        num_patches = sum(piece.unit.num_patches for piece in pieces)
        pass_s = time.monotonic() - started
        with self._lock:
            self.counts.add(len(pieces), num_patches, pass_s)
        pairs = zip(pieces, features, strict=True)
        return [self._collected(piece, part, pass_s / num_patches) for piece, part in pairs]

    def _collected(self, piece: _Piece, features: torch.Tensor, patch_s: float) -> Outcome | None:
        """Keeps a unit's features and returns the picture's once they are whole."""
        job = piece.job
        with self._lock:
            job.features[piece.index] = features
            job.tower_s += piece.unit.num_patches * patch_s
            if len(job.features) < len(job.units):
                return None
        whole = join(job.units, [job.features[index] for index in range(len(job.units))])
        job.features.clear()
        return _checked(whole, job.tower_s)

    def _pass_alone(self, pieces: Sequence[_Piece], error: Exception) -> list[Outcome | None]:
        if len(pieces) > 1:
            return [self._pass([piece])[0] for piece in pieces]
        _logger.error("forward pass failed", exc_info=error)
        return [EngineFailedError("The vision tower failed on this picture.")]


def _checked(features: torch.Tensor, tower_s: float) -> Outcome:
    if bool(torch.isfinite(features).all()):
        return EncodedImage(features, tower_s)
    _logger.error("features not finite", extra={"fields": {"tokens": len(features)}})
    return EngineFailedError("The vision tower gave no finite features for this picture.")


def _settle(future: asyncio.Future[EncodedImage], outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, EncodedImage):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


def _fail(pieces: Iterable[_Piece], error: SightlineError) -> None:
    """Answers those that were left without an answer."""
    for piece in pieces:
        _settle(piece.job.future, error)


def _stopping() -> SightlineError:
    return NotReadyError("The server is stopping; try again.", retry_after_s=2.0)
