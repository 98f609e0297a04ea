"""The curriculum: from looking alone to talking about every kind of scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.learning.sample import EVERYTHING, LOOKING, SCENES_ALONE, Shares
from training.world.scene import Limits


@dataclass(frozen=True)
class Stage:
    """What is drawn from batch `start` on.

    There are `talks` conversations about each picture. `look_share` of the batches have none:
    only the vision tower learns from them. `shares` and `looks` say what the pictures show, with
    and without talks.
    """

    start: int
    limits: Limits
    talks: int = 6
    look_share: float = 0.25
    shares: Shares = EVERYTHING
    looks: Shares = LOOKING


CURRICULUM = (
    Stage(
        0, Limits(most_shapes=4, longest_side=140, plain=True), look_share=1.0, looks=SCENES_ALONE
    ),
    Stage(560, Limits(most_shapes=4, longest_side=168), look_share=1.0),
    Stage(850, Limits(most_shapes=3, longest_side=168), talks=6),
    Stage(1050, Limits(most_shapes=4, longest_side=196), talks=8),
    Stage(1700, Limits(most_shapes=4, longest_side=280)),
    Stage(1950, Limits()),
)

TALK_ONLY = Stage(0, Limits(), look_share=0.0)


def stage_at(curriculum: Sequence[Stage], batch: int) -> Stage:
    """The stage that batch number `batch` is drawn from."""
    return next(stage for stage in reversed(curriculum) if stage.start <= batch)
