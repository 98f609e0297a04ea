"""How many prompt tokens a step may compute, so that nobody waits too long for it."""

from __future__ import annotations

FIRST_TOKEN_S = 0.002
"""What a prompt token is believed to take before one was measured."""
LEAST_LIMIT = 16
"""A prompt always gets on, however slow the machine is."""
DECODE_MULTIPLE = 2.0
"""A step may take so many times what decoding alone takes: prompts get half of the machine."""
MOST_STRETCH = 0.4
"""By how much the time of a step grows, at most, when more than one prompt waits."""
ALONE_MULTIPLE = 10.0
"""How many times longer a step may take beside which nobody waits for the next token."""
MAX_STEPS_UNMEASURED = 32
"""After so many steps with prompts in them, one decodes alone and is measured."""
MEMORY = 0.5
"""The weight of what was known before a step of the usual size."""


class PrefillPace:
    """Bounds the seconds of a step by the prompt tokens in it.

    Beside sequences that decode, a step takes about `target_s` seconds or twice what decoding
    alone takes, whichever is more, and up to 1.4 times that when several prompts wait: the
    gap between two tokens stays below three times the usual. Without them it takes about ten
    times `target_s`, so that cancellations are soon seen. What decoding and a prompt
    token take is learnt from the steps. Reads no clock: times are handed in.
    """

    def __init__(self, target_s: float, max_tokens: int) -> None:
        self._target_s = target_s
        self._max_tokens = max_tokens
        self._token_s = FIRST_TOKEN_S
        self._memory = 0.0
        self._decode_s = 0.0
        self._num_measured = 0
        self._num_unmeasured_steps = 0

    def limit(self, num_prompts: int, num_decoding: int) -> int:
        """Returns how many tokens of so many prompts the next step may compute.

        It is 0 when the step shall show what decoding alone takes.
        """
        if num_decoding and self._is_measure_due(num_decoding):
            return 0
        return self._affordable(num_prompts, num_decoding)

    def observe(self, num_prefill_tokens: int, num_decoding: int, step_s: float) -> None:
        """Takes notice of a step: what it computed and how long it took."""
        if num_prefill_tokens:
            self._learn_prefill(num_prefill_tokens, num_decoding, step_s)
        elif num_decoding:
            self._learn_decoding(num_decoding, step_s)

    def _affordable(self, num_prompts: int, num_decoding: int) -> int:
        room_s = self._room_s(num_prompts, num_decoding)
        # Compared before divided: a token's price may be next to nothing.
        if room_s >= self._max_tokens * self._token_s:
            return self._max_tokens
        return max(LEAST_LIMIT, int(room_s / self._token_s))

    def _room_s(self, num_prompts: int, num_decoding: int) -> float:
        if not num_decoding:
            return ALONE_MULTIPLE * self._target_s
        stretch = 1.0 + MOST_STRETCH * (1.0 - 1.0 / max(1, num_prompts))
        step_s = stretch * max(self._target_s, DECODE_MULTIPLE * self._decode_s)
        return step_s - self._decode_s

    def _is_measure_due(self, num_decoding: int) -> bool:
        if not self._num_unmeasured_steps:
            return False
        is_old = self._num_unmeasured_steps >= MAX_STEPS_UNMEASURED
        return is_old or not self._is_comparable(num_decoding)

    def _is_comparable(self, num_decoding: int) -> bool:
        """Tells whether about as many decoded when it was measured."""
        return 3 * num_decoding <= 4 * self._num_measured and 3 * self._num_measured <= (
            4 * num_decoding
        )

    def _learn_decoding(self, num_decoding: int, step_s: float) -> None:
        if self._num_measured:
            # One slow step must not make others slow.
            growth = max(1.0, num_decoding / self._num_measured)
            step_s = min(step_s, 2.0 * growth * self._decode_s)
        if self._is_comparable(num_decoding):
            step_s = MEMORY * self._decode_s + (1.0 - MEMORY) * step_s
        self._decode_s = step_s
        self._num_measured = num_decoding
        self._num_unmeasured_steps = 0

    def _learn_prefill(self, num_tokens: int, num_decoding: int, step_s: float) -> None:
        if num_decoding:
            self._num_unmeasured_steps += 1
        token_s = max(0.0, step_s - (self._decode_s if num_decoding else 0.0)) / num_tokens
        # Of a short prompt the step's own overhead would pass for the price of its tokens.
        size = min(1.0, (num_tokens / self._affordable(1, num_decoding)) ** 2)
        self._token_s += size * (1.0 - self._memory) * (token_s - self._token_s)
        self._memory += size * (MEMORY - self._memory)
