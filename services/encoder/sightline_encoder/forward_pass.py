"""One forward pass of the tower, which may pause or end between two layers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

import torch
from sightline_common.errors import EngineFailedError, SightlineError

from sightline_encoder.tiling import TileRule
from sightline_encoder.tower_health import TowerHealth
from sightline_encoder.tower_job import Outcome, Piece
from sightline_encoder.units import Unit

_logger = logging.getLogger(__name__)


class Tower(Protocol):
    """The part of VisionTower that is used here."""

    tile_rule: TileRule

    def layers(self, units: Sequence[Unit]) -> Generator[None, None, list[torch.Tensor]]: ...

    def warm_up(self) -> None: ...

    def use_threads(self, count: int) -> None: ...


class ForwardPass:
    """A pass over units, for one of the tower's threads at a time.

    `passed` has the units, patches and seconds of what was computed to its end, `outcomes` is
    what became of each unit's picture: None where others of it are missing or nobody wants it
    any more.
    """

    def __init__(self, tower: Tower, pieces: Sequence[Piece], health: TowerHealth) -> None:
        self.outcomes: list[Outcome | None] = [None] * len(pieces)
        self.num_retries = 0
        self.passed: list[tuple[int, int, float]] = []
        self._tower = tower
        self._pieces = pieces
        self._health = health
        self._layers = tower.layers([piece.unit for piece in pieces])
        self._seconds = 0.0

    def advance(self, is_interrupted: Callable[[], bool] = lambda: False) -> bool:
        """Computes layers; returns whether the pass is over, or was only interrupted.

        It is over as soon as nobody wants its pictures. A picture that fails, fails alone.
        """
        started = time.monotonic()
        try:
            with self._health.working():
                is_over, features = self._advanced(is_interrupted)
            self._seconds += time.monotonic() - started
            if features is not None:
                self._collect(features)
            return is_over
        except SightlineError as error:
            self._fail(error)
        except Exception as error:
            _logger.error("forward pass failed", exc_info=error)
            self._health.note_failure(self._tower.warm_up)
            self._fail(EngineFailedError("The vision tower failed on this picture."))
        return True

    def _advanced(
        self, is_interrupted: Callable[[], bool]
    ) -> tuple[bool, Sequence[torch.Tensor] | None]:
        while any(piece.is_wanted for piece in self._pieces):
            try:
                next(self._layers)
            except StopIteration as end:
                return True, end.value
            self._health.beat()
            if is_interrupted():
                return False, None
        self._layers.close()
        return True, None

    def _collect(self, features: Sequence[torch.Tensor]) -> None:
        num_patches = sum(piece.unit.num_patches for piece in self._pieces)
        self.passed.append((len(self._pieces), num_patches, self._seconds))
        patch_s = self._seconds / num_patches
        pairs = zip(self._pieces, features, strict=True)
        self.outcomes = [piece.collected(part, patch_s) for piece, part in pairs]

    def _fail(self, error: SightlineError) -> None:
        if len(self._pieces) == 1:
            self.outcomes = [error]
            return
        alone = [ForwardPass(self._tower, [piece], self._health) for piece in self._pieces]
        for each in alone:
            each.advance()
        self.outcomes = [each.outcomes[0] for each in alone]
        self.num_retries = len(alone)
        self.passed = [passed for each in alone for passed in each.passed]
