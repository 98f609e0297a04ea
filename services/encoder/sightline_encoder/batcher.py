"""Packs waiting pictures into shared forward passes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sightline_common.errors import EngineFailedError, NotReadyError, SightlineError

from sightline_encoder.fair_queue import FairQueue
from sightline_encoder.forward_pass import ForwardPass, Tower
from sightline_encoder.pass_counts import PassCounts
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.tiling import TileRule
from sightline_encoder.tower_health import TowerHealth
from sightline_encoder.tower_job import EncodedImage, Job, Piece, fail
from sightline_encoder.units import split

_logger = logging.getLogger(__name__)
_WAITING_PASSES = 4
"""Bounds the patches that wait, counted in full passes."""
_MAX_LANES = 4
_LANE_SHARE = 4
"""Of several lanes each takes at most this share of `max_patches`, so that all have work."""
_COST_SHARE = 16
"""The smallest picture costs this share of a pass, so that few overtake a large one."""
LARGE_BYTES = 1024**3
"""Bounds the patches of waiting pictures and videos larger than a pass; one is always let in."""
LAYER_LIMIT_S = 30.0
Result = TypeVar("Result")


class Batcher:
    """Packs units (pictures, frame groups, tiles) into passes of up to `max_patches`.

    There is no waiting for company: what arrives during a pass shares the next one. The
    units of a large request take turns with other requests, and a unit larger than a pass
    lets others pass between two of its layers. A picture that fails, or whose features are
    not finite, fails alone.

    On a CPU with several `num_threads` passes run side by side in lanes: each has its share of
    the threads, and all of them when it is alone. Threads that compute different pictures
    wait for each other nowhere.
    """

    def __init__(
        self,
        tower: Tower,
        max_patches: int,
        num_threads: int = 1,
        layer_limit_s: float = LAYER_LIMIT_S,
        large_bytes: int = LARGE_BYTES,
    ) -> None:
        self.num_forwards = 0
        self.counts = PassCounts()
        self._tower = tower
        self._health = TowerHealth(layer_limit_s)
        self._max_patches = max_patches
        self._large_bytes = large_bytes
        self._queue: FairQueue[Piece] = FairQueue()
        self._held_patches = 0
        self._held_bytes = 0
        self._changed = asyncio.Event()
        self._num_threads = num_threads
        self._num_lanes = min(num_threads, _MAX_LANES)
        self._num_running = 0
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

        With a rule it passes in tiles. When its future is cancelled its place is free at
        once, and a pass that computes only for it ends after the layer that runs.
        """
        future: asyncio.Future[EncodedImage] = asyncio.get_running_loop().create_future()
        job = Job(split(image, rule), image.num_patches, image.patches.nbytes, future)
        await self._until(lambda: self._has_room(job))
        self._hold(job, 1)
        future.add_done_callback(lambda _: self._leave(job))
        pieces = [Piece(job, index) for index in range(len(job.units))]
        self._queue.push((self._cost(piece), piece) for piece in pieces)
        self._changed.set()
        return future

    async def check(self) -> None:
        """Raises NotReadyError for a tower that hangs, or that still fails when tried out."""
        if self._health.is_failing and not self._health.is_hanging:
            await self._on_thread(lambda: self._health.note_failure(self._tower.warm_up))
        self._health.check()

    async def close(self) -> None:
        """Ends after the running layers; pictures still waiting get NotReadyError."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)
        fail(self._queue.clear(), _stopping())

    def _cost(self, piece: Piece) -> int:
        smallest = max(self._max_patches // _COST_SHARE, 1)
        return min(max(piece.unit.num_patches, smallest), self._max_patches)

    def _has_room(self, job: Job) -> bool:
        """Large pictures are counted apart: small ones never wait for them to be admitted."""
        if job.num_patches > self._max_patches:
            return not self._held_bytes or self._held_bytes + job.num_bytes <= self._large_bytes
        return self._held_patches + job.num_patches <= _WAITING_PASSES * self._max_patches

    def _hold(self, job: Job, sign: int) -> None:
        if job.num_patches > self._max_patches:
            self._held_bytes += sign * job.num_bytes
        else:
            self._held_patches += sign * job.num_patches

    def _leave(self, job: Job) -> None:
        """Forgets a job that is answered or that nobody wants."""
        self._queue.remove(lambda piece: piece.job is job)
        self._hold(job, -1)
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _run(self) -> None:
        while True:
            await self._until(lambda: bool(self._queue))
            await self._serve(self._next_pieces())

    async def _serve(self, pieces: Sequence[Piece]) -> None:
        wanted = [piece for piece in pieces if piece.is_wanted]
        try:
            if wanted:
                await self._encode(wanted)
        except Exception as error:
            _logger.error("pass failed", exc_info=error)
            fail(wanted, EngineFailedError("The vision tower failed on this picture."))
        except BaseException:
            fail(wanted, _stopping())
            raise

    def _next_pieces(self) -> list[Piece]:
        """Takes units off the queue; those of cancelled pictures fill no pass."""
        limit = self._max_patches if self._num_lanes == 1 else self._max_patches // _LANE_SHARE
        pieces: list[Piece] = []
        num_patches = 0
        while first := self._queue.peek():
            added = first.unit.num_patches if first.is_wanted else 0
            if num_patches and num_patches + added > limit:
                break
            num_patches += added
            pieces.append(self._queue.pop())
        return pieces

    async def _encode(self, pieces: Sequence[Piece]) -> None:
        forward = ForwardPass(self._tower, pieces, self._health)
        self.num_forwards += 1
        is_interrupted = self._small_one_waits if self._is_large(pieces[0]) else _never
        while not await self._on_thread(lambda: forward.advance(is_interrupted)):
            if self._small_one_waits():
                await self._serve(self._next_pieces())
        self.num_forwards += forward.num_retries
        for passed in forward.passed:
            self.counts.add(*passed)
        for piece, outcome in zip(pieces, forward.outcomes, strict=True):
            piece.settle(outcome)

    def _is_large(self, piece: Piece) -> bool:
        return piece.unit.num_patches > self._max_patches

    def _small_one_waits(self) -> bool:
        first = self._queue.peek()  # asked by the tower's thread, too
        return first is not None and not self._is_large(first)

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        self._num_running += 1
        try:
            num_threads = self._threads_to_use()
            return await loop.run_in_executor(self._threads, lambda: self._with(num_threads, work))
        finally:
            self._num_running -= 1

    def _threads_to_use(self) -> int:
        """Returns a lane's share, and all threads for a pass without company."""
        alone = self._num_running == 1 and not self._queue
        return self._num_threads if alone else self._num_threads // self._num_lanes

    def _with(self, num_threads: int, work: Callable[[], Result]) -> Result:
        if self._num_lanes > 1:
            self._tower.use_threads(num_threads)
        return work()


def _never() -> bool:
    return False


def _stopping() -> SightlineError:
    return NotReadyError("The server is stopping; try again.", retry_after_s=2.0)
