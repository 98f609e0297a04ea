"""Updates that wait a moment, so that one message carries several tokens."""

from __future__ import annotations

from collections.abc import Iterable

from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import Sequence


class HeldUpdates:
    """Joins the tokens that come within `interval_s` after a sequence's last ones.

    A message costs its reader, gRPC and the event loop more than a small model's token costs
    the model, and nobody reads faster. A first token, a start, an end and a want are never held.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._held: dict[Sequence, SequenceUpdate] = {}
        self._earliest: dict[Sequence, float] = {}

    def due(self, updates: Iterable[SequenceUpdate], now: float) -> list[SequenceUpdate]:
        """Adds updates and returns what is not to be held any longer, at most one a sequence."""
        for update in updates:
            held = self._held.setdefault(update.sequence, update)
            if held is not update:
                held.extend(update)
        due = [update for update in self._held.values() if self._is_due(update, now)]
        for update in due:
            del self._held[update.sequence]
            if update.token_ids:
                self._earliest[update.sequence] = now + self._interval_s
        return due

    def forget(self, sequence: Sequence) -> None:
        """Drops what is held of a sequence in which nobody is interested any more."""
        self._held.pop(sequence, None)
        self._earliest.pop(sequence, None)

    def _is_due(self, update: SequenceUpdate, now: float) -> bool:
        if update.ended or update.started or update.features_wanted:
            return True
        return now >= self._earliest.get(update.sequence, now)
