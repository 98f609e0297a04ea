"""An auxiliary head: what each visual token lies on. It is not exported.

NOTE: answers alone teach the vision tower slowly, since one word tells little about where to look.
Labels for every visual token are free in a drawn world and cut the training to a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from training.learning.encoding import CELL, GLYPHS, IGNORED
from training.learning.glyphs import GlyphHead
from training.world.scene import COLORS, KINDS, PLACES

PARTS_WEIGHT = 3.0
GROUND_WEIGHT = 0.15  # most visual tokens lie on the ground


class SightHead(nn.Module):
    """Linear readings of features, float [visual tokens, hidden]."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.kind = nn.Linear(hidden, len(KINDS) + 1)
        self.color = nn.Linear(hidden, len(COLORS) + 1)
        self.parts = nn.Linear(hidden, CELL * CELL)
        self.place = nn.Linear(hidden, len(PLACES) + 1)
        self.glyph = GlyphHead(hidden)

    def forward(self, features: torch.Tensor, sights: torch.Tensor) -> Sight:
        """The mean losses over the visual tokens, for labels as in `Encoded.sights`."""
        parts = self.parts(features).float()
        return Sight(
            kind=ground_weighted_loss(self.kind(features), sights[:, 0]),
            color=ground_weighted_loss(self.color(features), sights[:, 1]),
            parts=parts_loss(parts, sights[:, 3:GLYPHS]),
            place=ground_weighted_loss(self.place(features), sights[:, 2]),
            glyph=self.glyph(features, sights[:, GLYPHS:]),
        )


@dataclass(frozen=True)
class Sight:
    """Scalars, in nats.

    kind, color, place: of a visual token. parts: of a part of its square. glyph: of a character.
    """

    kind: torch.Tensor
    color: torch.Tensor
    parts: torch.Tensor
    place: torch.Tensor
    glyph: torch.Tensor

    def total(self) -> torch.Tensor:
        return self.kind + self.color + self.place + self.glyph + PARTS_WEIGHT * self.parts


def ground_weighted_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean over the labels that are not IGNORED, or 0 without any."""
    weight = torch.ones(logits.shape[1], device=logits.device)
    weight[0] = GROUND_WEIGHT
    summed = functional.cross_entropy(
        logits.float(), labels, weight, ignore_index=IGNORED, reduction="sum"
    )
    known = labels != IGNORED
    return summed / weight[labels * known].mul(known).sum().clamp(min=GROUND_WEIGHT)


def parts_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean over the labels that are not IGNORED, or 0 without any."""
    known = labels != IGNORED
    summed = functional.binary_cross_entropy_with_logits(
        logits, labels.clamp(min=0).float(), known.float(), reduction="sum"
    )
    return summed / known.sum().clamp(min=1)
