"""The curriculum: from looking alone to talking about every kind of scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.learning.sample import (
    EVERYTHING,
    LOOKING,
    PICTURE_LAST_SHARE,
    SCENES_ALONE,
    SCENES_TALKS,
    SMALL_TALKS,
    Shares,
)
from training.talk.english import FIRST_ENGLISH
from training.talk.tongue import Tongue
from training.talk.tongues import SCENES_TONGUES, TONGUES
from training.world.scene import SMALL_LIMITS, Limits


@dataclass(frozen=True)
class Stage:
    """What is drawn from batch `start` on.

    There are `talks` conversations about each picture. `look_share` of the batches have none:
    only the vision tower learns from them. `shares` and `looks` say what the pictures show, with
    and without talks. A talk is in one of the `tongues`,
    and `picture_last_share` of the pictures come behind their question.
    """

    start: int
    limits: Limits
    talks: int = 6
    look_share: float = 0.25
    shares: Shares = EVERYTHING
    looks: Shares = LOOKING
    tongues: tuple[Tongue, ...] = tuple(TONGUES.values())
    picture_last_share: float = PICTURE_LAST_SHARE


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

SMALL_WORLD = Stage(
    0, SMALL_LIMITS, shares=SMALL_TALKS, looks=SCENES_ALONE, tongues=(FIRST_ENGLISH,)
)
# All pictures of shapes, and in both languages all that can be asked about them.
SCENES_WORLD = Stage(
    0,
    Limits(),
    shares=SCENES_TALKS,
    looks=SCENES_ALONE,
    tongues=SCENES_TONGUES,
    picture_last_share=0.2,  # known already, and dear
)


def stage_at(curriculum: Sequence[Stage], batch: int) -> Stage:
    """The stage that batch number `batch` is drawn from."""
    return next(stage for stage in reversed(curriculum) if stage.start <= batch)
