"""Updates that wait a moment, so that one message carries several tokens."""

from __future__ import annotations

from collections.abc import Iterable

from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import Sequence


class HeldUpdates:
    """Joins the tokens that come within `interval_s` after a sequence's last ones.

    A message costs its reader, gRPC and the event loop more than a small model's token costs
    the model, and nobody reads faster. A first token, a start, an end and a want are never held,
    nor is anything when the next step, at the last one's pace, would end after the interval. So
    a token waits no longer than that, or than for one step that is slower than the last.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._held: dict[Sequence, SequenceUpdate] = {}
        self._until: dict[Sequence, float] = {}
        self._last_step = 0.0

    def due(self, updates: Iterable[SequenceUpdate], now: float) -> list[SequenceUpdate]:
        """Adds updates and returns what is not to be held any longer, at most one a sequence."""
        for update in updates:
            held = self._held.setdefault(update.sequence, update)
            if held is not update:
                held.extend(update)
        next_step = now + (now - self._last_step)
        self._last_step = now
        due = [update for update in self._held.values() if self._is_due(update, next_step)]
        for update in due:
            del self._held[update.sequence]
            if update.token_ids:
                self._until[update.sequence] = now + self._interval_s
        return due

    def forget(self, sequence: Sequence) -> None:
        """Drops what is held of a sequence in which nobody is interested any more."""
        self._held.pop(sequence, None)
        self._until.pop(sequence, None)

    def _is_due(self, update: SequenceUpdate, next_step: float) -> bool:
        if update.ended or update.started or update.features_wanted:
            return True
        return next_step >= self._until.get(update.sequence, next_step)
