"""Packs waiting pictures into shared forward passes on the tower's only thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import torch
from sightline_common.errors import EngineFailedError, NotReadyError, SightlineError

from sightline_encoder.preprocess import PreparedImage

_logger = logging.getLogger(__name__)
_WAITING_PASSES = 4
"""Bounds the patches that wait, counted in full passes."""


class Tower(Protocol):
    """The part of VisionTower that is used here."""

    def encode(self, images: Sequence[PreparedImage]) -> list[torch.Tensor]: ...


@dataclass(frozen=True)
class EncodedImage:
    """A picture's features, [num_tokens, hidden_size] on the CPU, and its share of the pass."""

    features: torch.Tensor
    tower_s: float


Outcome = EncodedImage | SightlineError


@dataclass(frozen=True, eq=False)
class _Job:
    image: PreparedImage
    future: asyncio.Future[EncodedImage]


class Batcher:
    """Serves pictures in order of arrival, as many a pass as `max_patches` holds.

    There is no waiting for company: what arrives during a pass shares the next one. A
    picture that fails, or whose features are not finite, fails alone.
    """

    def __init__(self, tower: Tower, max_patches: int) -> None:
        self.num_forwards = 0
        self._tower = tower
        self._max_patches = max_patches
        self._jobs: deque[_Job] = deque()
        self._held_patches = 0
        self._changed = asyncio.Condition()
        self._thread = ThreadPoolExecutor(1, "tower")
        self._loop_task = asyncio.create_task(self._run(), name="batcher")

    async def submit(self, image: PreparedImage) -> asyncio.Future[EncodedImage]:
        """Queues a picture, waiting while the queue is full, and returns its future result.

        A picture whose future is cancelled before its pass is not computed.
        """
        future: asyncio.Future[EncodedImage] = asyncio.get_running_loop().create_future()
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(image))
            self._jobs.append(_Job(image, future))
            self._held_patches += image.num_patches
            self._changed.notify_all()
        return future

    async def close(self) -> None:
        """Ends after the running pass; pictures still waiting get NotReadyError."""
        self._loop_task.cancel()
        with suppress(asyncio.CancelledError):
            await self._loop_task
        self._thread.shutdown(wait=True, cancel_futures=True)
        _fail(self._jobs, _stopping())
        self._jobs.clear()

    def _has_room(self, image: PreparedImage) -> bool:
        bound = _WAITING_PASSES * self._max_patches
        return not self._held_patches or self._held_patches + image.num_patches <= bound

    async def _run(self) -> None:
        while True:
            await self._serve_next_jobs()

    async def _serve_next_jobs(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._jobs))
            jobs = self._next_jobs()
        wanted = [job for job in jobs if not job.future.done()]
        try:
            await self._encode(wanted)
        except Exception as error:
            _logger.error("pass failed", exc_info=error)
            _fail(wanted, EngineFailedError("The vision tower failed on this picture."))
        finally:
            _fail(wanted, _stopping())
        async with self._changed:
            self._held_patches -= sum(job.image.num_patches for job in jobs)
            self._changed.notify_all()

    def _next_jobs(self) -> list[_Job]:
        """Takes pictures off the queue's front; those that were cancelled fill no pass."""
        jobs: list[_Job] = []
        num_patches = 0
        while self._jobs:
            added = 0 if self._jobs[0].future.done() else self._jobs[0].image.num_patches
            if num_patches and num_patches + added > self._max_patches:
                break
            num_patches += added
            jobs.append(self._jobs.popleft())
        return jobs

    async def _encode(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        loop = asyncio.get_running_loop()
        images = [job.image for job in jobs]
        outcomes = await loop.run_in_executor(self._thread, self._pass, images)
        for job, outcome in zip(jobs, outcomes, strict=True):
            _settle(job.future, outcome)

    def _pass(self, images: Sequence[PreparedImage]) -> list[Outcome]:
        started = time.monotonic()
        self.num_forwards += 1
        try:
            features = self._tower.encode(images)
        except Exception as error:
            return self._pass_alone(images, error)
        seconds = (time.monotonic() - started) / sum(image.num_patches for image in images)
        pairs = zip(images, features, strict=True)
        return [_checked(part, image.num_patches * seconds) for image, part in pairs]

    def _pass_alone(self, images: Sequence[PreparedImage], error: Exception) -> list[Outcome]:
        if len(images) > 1:
            return [self._pass([image])[0] for image in images]
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


def _fail(jobs: Sequence[_Job] | deque[_Job], error: SightlineError) -> None:
    """Answers those that were left without an answer."""
    for job in jobs:
        _settle(job.future, error)


def _stopping() -> SightlineError:
    return NotReadyError("The server is stopping; try again.", retry_after_s=2.0)
