"""How many prompt tokens a step may compute beside sequences that write their answers."""

from __future__ import annotations

FIRST_LIMIT = 128
LEAST_LIMIT = 16
"""A prompt always gets on, however slow the machine is."""
MEMORY = 0.5
"""The weight of what was known before the last step."""


class PrefillPace:
    """Keeps steps that also decode at about `target_s` seconds.

    Learns from the steps what decoding alone takes and what a prompt token adds; the limit
    at most doubles from one step to the next. Reads no clock: times are handed in.
    """

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s
        self._decode_s = 0.0
        self.limit = FIRST_LIMIT

    def observe(self, num_prefill_tokens: int, step_s: float) -> None:
        """Takes notice of a step in which something was decoded, and what it took."""
        if num_prefill_tokens == 0:
            self._decode_s = _blended(self._decode_s, step_s) if self._decode_s else step_s
            return
        if num_prefill_tokens < self.limit / 2:
            # Of a short prompt the step's own overhead would pass for the price of its tokens.
            return
        token_s = max(step_s - self._decode_s, 0.01 * step_s) / num_prefill_tokens
        room_s = max(self._target_s - self._decode_s, 0.1 * self._target_s)
        most = 2.0 * num_prefill_tokens
        wanted = _blended(self.limit, min(room_s / token_s, most) if token_s else most)
        self.limit = max(LEAST_LIMIT, int(wanted))


def _blended(before: float, now: float) -> float:
    return MEMORY * before + (1.0 - MEMORY) * now
