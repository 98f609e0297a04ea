"""When an answer ends, and which text may already be shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class FinishReason(Enum):
    """Tells why an answer ended."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True)
class StopParams:
    """Says when an answer ends.

    `token_ids` end it and are not part of its text; `strings` end its text (not its
    reasoning) before they begin. Neither acts before there are `min_tokens` (vLLM's rule).
    """

    max_tokens: int
    token_ids: frozenset[int] = frozenset()
    strings: tuple[str, ...] = ()
    min_tokens: int = 0


class TextPiece(NamedTuple):
    """Holds text that a token completed; whole characters only."""

    text: str = ""
    reasoning: str = ""


class TokenReader(Protocol):
    """Turns generated tokens into text."""

    num_reasoning_tokens: int

    def push(self, token_id: int) -> TextPiece:
        """Returns the text that this token completes."""
        ...

    def flush(self) -> TextPiece:
        """Returns what is left when no token follows."""
        ...


class Finish(NamedTuple):
    """Tells how an answer ended; `stop_string` is empty unless one was met."""

    reason: FinishReason
    stop_string: str = ""


class Progress(NamedTuple):
    """Holds what one token brought."""

    piece: TextPiece
    finish: Finish | None = None


class StopChecker:
    """Reads generated tokens until a rule ends the answer.

    Text that may turn out to be the beginning of a stop string is held back.
    """

    def __init__(self, params: StopParams, reader: TokenReader) -> None:
        self._params = params
        self._reader = reader
        self._num_tokens = 0
        self._held = ""

    def push(self, token_id: int) -> Progress:
        """Takes the next token; after a `finish` nothing more may be pushed."""
        self._num_tokens += 1
        may_stop = self._num_tokens > self._params.min_tokens
        if may_stop and token_id in self._params.token_ids:
            return self._finished(TextPiece(), FinishReason.STOP)
        piece = self._reader.push(token_id)
        if not self._params.strings:
            if self._num_tokens >= self._params.max_tokens:
                return self._finished(piece, FinishReason.LENGTH)
            return Progress(piece)
        text = self._held + piece.text
        found = self._first_stop_string(text) if may_stop else None
        if found is not None:
            shown = TextPiece(text[: text.index(found)], piece.reasoning)
            return Progress(shown, Finish(FinishReason.STOP, found))
        if self._num_tokens >= self._params.max_tokens:
            return self._finished(piece, FinishReason.LENGTH)
        shown_length = len(text) - self._held_length(text)
        self._held = text[shown_length:]
        return Progress(TextPiece(text[:shown_length], piece.reasoning))

    def _finished(self, piece: TextPiece, reason: FinishReason) -> Progress:
        rest = self._reader.flush()
        shown = TextPiece(self._held + piece.text + rest.text, piece.reasoning + rest.reasoning)
        return Progress(shown, Finish(reason))

    def _first_stop_string(self, text: str) -> str | None:
        found = [string for string in self._params.strings if string in text]
        return min(found, key=text.index, default=None)

    def _held_length(self, text: str) -> int:
        """Returns the length of the longest end of `text` that begins a stop string."""
        longest = max(map(len, self._params.strings), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(string.startswith(text[-length:]) for string in self._params.strings):
                return length
        return 0
