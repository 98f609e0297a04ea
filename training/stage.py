"""The curriculum: from looking alone to talking about every kind of scene."""

from __future__ import annotations

from dataclasses import dataclass

from training.scene import Limits


@dataclass(frozen=True)
class Stage:
    """What is drawn from batch `start` on.

    `look_share` of the batches have no conversation: only the vision tower learns from them.
    Without `describing` most conversations lack a description, whose many tokens would outweigh
    short answers, and from which later answers could be read off.
    """

    start: int
    limits: Limits
    most_exchanges: int = 6
    look_share: float = 0.25
    describing: bool = True


CURRICULUM = (
    Stage(0, Limits(most_shapes=4, longest_side=140, plain=True), look_share=1.0),
    Stage(560, Limits(most_shapes=4, longest_side=168), look_share=1.0),
    Stage(850, Limits(most_shapes=3, longest_side=168), most_exchanges=4),
    Stage(1050, Limits(most_shapes=4, longest_side=196), most_exchanges=5),
    Stage(1700, Limits(most_shapes=4, longest_side=280)),
    Stage(1950, Limits(), most_exchanges=8),
)

SHORT_ANSWERS = Stage(0, Limits(longest_side=336), look_share=0.0, describing=False)
