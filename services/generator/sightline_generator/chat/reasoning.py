"""Splits generated tokens into reasoning and answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sightline_generator.chat.vocabulary import Vocabulary
from sightline_generator.engine.detokenizer import Detokenizer
from sightline_generator.engine.stop import TextPiece
from sightline_generator.families.base import ChatSyntax


@dataclass(frozen=True)
class AnswerSyntax:
    """Gives the token ids that structure an answer; None where a checkpoint has none."""

    think_start_id: int | None
    think_end_id: int | None
    hidden_ids: frozenset[int]

    @classmethod
    def of(cls, syntax: ChatSyntax, vocabulary: Vocabulary) -> AnswerSyntax:
        added = vocabulary.added_tokens
        visible = {added[text] for text in syntax.visible_specials if text in added}
        return cls(
            think_start_id=added.get(syntax.think_start),
            think_end_id=added.get(syntax.think_end),
            hidden_ids=vocabulary.special_ids - visible,
        )

    def thought_is_open(self, prompt_token_ids: Sequence[int]) -> bool:
        """Tells whether a prompt ends inside a thought, so that the answer begins there."""
        for token_id in reversed(prompt_token_ids):
            if token_id in (self.think_start_id, self.think_end_id):
                return token_id == self.think_start_id
        return False


class AnswerReader:
    """Reads an answer's tokens; special tokens steer and never become text.

    Line breaks directly behind a thought's tags belong to the syntax and are dropped.
    With `thinking` the prompt ends inside a thought; with `continued`, behind words of it.
    """

    def __init__(
        self,
        syntax: AnswerSyntax,
        token_bytes: Sequence[bytes],
        *,
        thinking: bool,
        continued: bool = False,
    ) -> None:
        self._syntax = syntax
        self._detokenizer = Detokenizer(token_bytes)
        self._thinking = thinking
        self._after_tag = thinking and not continued
        self.num_reasoning_tokens = 0

    def push(self, token_id: int) -> TextPiece:
        """Returns the text that this token completes."""
        if self._thinking:
            self.num_reasoning_tokens += 1
        if token_id == self._syntax.think_start_id:
            return self._switch(thinking=True)
        if token_id == self._syntax.think_end_id:
            return self._switch(thinking=False)
        if token_id in self._syntax.hidden_ids:
            return self.flush()
        return self._piece(self._detokenizer.push(token_id))

    def flush(self) -> TextPiece:
        """Returns what is left when no text follows."""
        return self._piece(self._detokenizer.flush())

    def _switch(self, *, thinking: bool) -> TextPiece:
        piece = self.flush()
        self._thinking = thinking
        self._after_tag = True
        return piece

    def _piece(self, text: str) -> TextPiece:
        if self._after_tag:
            text = text.lstrip("\n")
            self._after_tag = not text
        return TextPiece(reasoning=text) if self._thinking else TextPiece(text=text)
