"""Updates that wait a moment, so that one message carries several tokens."""

from __future__ import annotations

from collections.abc import Iterable

from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import Sequence

MESSAGES_PER_S = 250
"""How many messages a second all answers together may cause while their tokens can be joined."""


class HeldUpdates:
    """Joins the tokens that come soon after a sequence's last ones, the more it has company.

    A message costs its reader, gRPC and the event loop more than a small model's token costs
    the model, and nobody reads faster. So while many sequences are answered, each waits for
    its share of `MESSAGES_PER_S`, at most `longest_s`. A first token, a start, an end and a
    want are never held, nor is anything when the next step, at the last one's pace, would end
    too late. So a token waits no longer than that, or than for one step slower than the last.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._held: dict[Sequence, SequenceUpdate] = {}
        self._sent: dict[Sequence, float] = {}
        self._last_step = 0.0

    def due(self, updates: Iterable[SequenceUpdate], now: float) -> list[SequenceUpdate]:
        """Adds updates and returns what is not to be held any longer, at most one a sequence."""
        for update in updates:
            held = self._held.setdefault(update.sequence, update)
            if held is not update:
                held.extend(update)
        next_step = now + (now - self._last_step)
        self._last_step = now
        earliest = next_step - min(self._longest_s, len(self._sent) / MESSAGES_PER_S)
        due = [update for update in self._held.values() if self._is_due(update, earliest)]
        for update in due:
            del self._held[update.sequence]
            if update.token_ids:
                self._sent[update.sequence] = now
        return due

    def forget(self, sequence: Sequence) -> None:
        """Drops what is held of a sequence in which nobody is interested any more."""
        self._held.pop(sequence, None)
        self._sent.pop(sequence, None)

    def _is_due(self, update: SequenceUpdate, earliest: float) -> bool:
        if update.ended or update.started or update.features_wanted:
            return True
        return self._sent.get(update.sequence, earliest) <= earliest
