"""A picture or video on its way through the tower, unit by unit."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from sightline_common.errors import EngineFailedError, SightlineError

from sightline_encoder.units import Unit, join

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodedImage:
    """A picture's features, [num_tokens, hidden_size] on the CPU, and its share of passes."""

    features: torch.Tensor
    tower_s: float


Outcome = EncodedImage | SightlineError


@dataclass(eq=False)
class Job:
    """A picture or video, its units, and the features of those that passed."""

    units: list[Unit]
    num_patches: int
    num_bytes: int
    future: asyncio.Future[EncodedImage]
    features: dict[int, torch.Tensor] = field(default_factory=dict)
    tower_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Piece:
    """One unit of a job."""

    job: Job
    index: int

    @property
    def unit(self) -> Unit:
        return self.job.units[self.index]

    @property
    def is_wanted(self) -> bool:
        return not self.job.future.done()

    def collected(self, features: torch.Tensor, patch_s: float) -> Outcome | None:
        """Keeps the unit's features and returns the picture's once they are whole."""
        job = self.job
        with job.lock:
            job.features[self.index] = features
            job.tower_s += self.unit.num_patches * patch_s
            if len(job.features) < len(job.units):
                return None
        whole = join(job.units, [job.features[index] for index in range(len(job.units))])
        job.features.clear()
        return _checked(whole, job.tower_s)

    def settle(self, outcome: Outcome | None) -> None:
        """Answers whoever waits for the picture, unless it was answered or is not whole."""
        future = self.job.future
        if outcome is None or future.done():
            return
        if isinstance(outcome, EncodedImage):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)


def fail(pieces: Iterable[Piece], error: SightlineError) -> None:
    """Answers those that were left without an answer."""
    for piece in pieces:
        piece.settle(error)


def _checked(features: torch.Tensor, tower_s: float) -> Outcome:
    if bool(torch.isfinite(features).all()):
        return EncodedImage(features, tower_s)
    _logger.error("features not finite", extra={"fields": {"tokens": len(features)}})
    return EngineFailedError("The vision tower gave no finite features for this picture.")
