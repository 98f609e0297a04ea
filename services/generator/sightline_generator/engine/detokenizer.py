"""Token ids to text, piece by piece, without ever splitting a character."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Detokenizer:
    """Decodes the bytes of tokens as they come.

    Bytes of an unfinished character wait for the next token; bytes that can belong to
    no character become U+FFFD, as in a decoding of the whole.
    """

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """Returns the characters that this token completes."""
        return self._decoder.decode(self._token_bytes[token_id])

    def flush(self) -> str:
        """Returns U+FFFD for an unfinished character, and begins anew."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
