"""Running means of the losses, for the log and the curve."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from training.learning.learner import Losses


@dataclass
class Progress:
    """Running means since the last line of progress."""

    since: float = field(default_factory=time.monotonic)
    steps: int = 0
    talks: int = 0  # steps with a conversation
    answer: float = 0.0
    kind: float = 0.0
    color: float = 0.0
    parts: float = 0.0
    place: float = 0.0
    glyph: float = 0.0
    norm: float = 0.0

    def add(self, losses: Losses, norm: float) -> None:
        self.steps += 1
        self.talks += losses.answer.requires_grad
        self.answer += losses.answer.item()
        self.kind += losses.sight.kind.item()
        self.color += losses.sight.color.item()
        self.parts += losses.sight.parts.item()
        self.place += losses.sight.place.item()
        self.glyph += losses.sight.glyph.item()
        self.norm += norm

    def row(self, batch_size: int) -> dict[str, float]:
        seconds = time.monotonic() - self.since
        row = {"answer": round(self.answer / max(self.talks, 1), 4)}
        names = ("kind", "color", "parts", "place", "glyph", "norm")
        row |= {name: round(getattr(self, name) / self.steps, 4) for name in names}
        return row | {"samples_per_s": round(self.steps * batch_size / seconds, 2)}
