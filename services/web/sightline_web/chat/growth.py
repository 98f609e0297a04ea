"""How a message grows by what the generator says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sightline.generator.v1 import generator_pb2
from sightline_common.errors import InternalError

from sightline_web.answer import Answer
from sightline_web.store.records import Message

_ADDED_UP = {"completion_tokens", "decode_s", "elapsed_s", "thinking_s"}


class Growth:
    """Puts what arrives behind what a message has, with its counts and times.

    A message that is continued keeps its first token's time and adds the rest up.
    Times are seconds by `clock`; thinking lasts from its first word to the answer's.
    """

    def __init__(self, message: Message, clock: Callable[[], float]) -> None:
        self._message = message
        self._clock = clock
        self._answer = Answer()
        self._started = self._newest = clock()
        self._thinking_began: float | None = None
        self._thinking_s: float | None = None
        self._counts: dict[str, float] = {}

    def add(self, response: generator_pb2.GenerateTextResponse) -> None:
        """Takes in the next message of the stream."""
        self._answer.add(response)
        if not response.HasField("delta"):
            self._counts = _counts(self._answer)
        self._newest = self._clock()
        self._time_thinking(self._newest)

    def message(self) -> Message:
        """Returns the answer as it is now."""
        return replace(
            self._message,
            text=self._message.text + self._answer.text,
            reasoning=self._message.reasoning + self._answer.reasoning,
            stats=self._stats(),
        )

    def finish_reason(self) -> str:
        """Returns why the stream ended; InternalError when it was cut off."""
        if self._answer.complete is None:
            raise InternalError("The answer was cut off.")
        return self._answer.finish_reason

    def _time_thinking(self, now: float) -> None:
        if self._thinking_began is None and self._answer.reasoning:
            self._thinking_began = now
        if self._thinking_began is not None and self._thinking_s is None and self._answer.text:
            self._thinking_s = now - self._thinking_began

    def _stats(self) -> dict[str, float]:
        stats = {**self._counts, "elapsed_s": round(self._newest - self._started, 3)}
        if self._thinking_s is not None:
            stats["thinking_s"] = round(self._thinking_s, 3)
        return _together(self._message.stats, stats) if self._message.stats else stats


def _counts(answer: Answer) -> dict[str, float]:
    """Returns what does not change from one delta to the next."""
    usage = answer.usage
    counts: dict[str, float] = {
        "prompt_tokens": usage.prompt_token_count,
        "cached_tokens": usage.cached_token_count,
        "image_tokens": usage.image_token_count,
    }
    if (complete := answer.complete) is not None:
        timings = complete.timings
        counts["completion_tokens"] = usage.completion_token_count
        counts["first_token_s"] = timings.time_to_first_token.ToNanoseconds() / 1e9
        counts["decode_s"] = timings.decode_time.ToNanoseconds() / 1e9
    return counts


def _together(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """Returns an answer's counts with those from before it was continued.

    The tokens of a part that was stopped are not known, so neither are those of the whole.
    """
    sums = {name: before[name] + now.get(name, 0.0) for name in _ADDED_UP & before.keys()}
    kept = {name: before[name] for name in ("first_token_s",) if before.get(name)}
    unknown = {"completion_tokens"} if before and "completion_tokens" not in before else set()
    return {name: value for name, value in {**now, **sums, **kept}.items() if name not in unknown}
