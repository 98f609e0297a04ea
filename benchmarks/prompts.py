"""Prompts of an exact length that no cache has seen."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from benchmarks.pictures import data_url, fresh_png

Messages = list[dict[str, Any]]
MAX_TRIES = 100
_SPACE = "Ġ"
"""How byte-level vocabularies write the space before a word."""


class PromptMaker:
    """Writes user messages of so many tokens, in words that are one token each."""

    def __init__(self, model: Path) -> None:
        self.name = model.name
        self._tokenizer = AutoTokenizer.from_pretrained(model)
        self._words = sorted(
            token.removeprefix(_SPACE)
            for token in self._tokenizer.get_vocab()
            if token.startswith(_SPACE) and token[1:].isascii() and token[1:].isalpha()
        )

    def count(self, messages: Messages) -> int:
        """Counts a conversation's tokens as the chat template writes it, a picture as one."""
        text = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def text(self, num_tokens: int, seed: int) -> Messages:
        """Returns a message that is a prompt of exactly `num_tokens` tokens, template included."""
        return self._exactly(num_tokens, random.Random(seed), [])

    def picture(self, edge: int, num_tokens: int, seed: int) -> Messages:
        """Returns a square picture and words; `num_tokens` counts the picture as one token."""
        image = {"type": "image_url", "image_url": {"url": data_url(fresh_png(edge, seed))}}
        return self._exactly(num_tokens, random.Random(seed), [image])

    def _exactly(self, num_tokens: int, chance: random.Random, parts: Messages) -> Messages:
        # Neighbouring words may merge into other tokens, so the length is tried, not trusted.
        num_words = num_tokens
        for _ in range(MAX_TRIES):
            text = " ".join(chance.choices(self._words, k=max(num_words, 1)))
            content: Any = [*parts, {"type": "text", "text": text}] if parts else text
            messages = [{"role": "user", "content": content}]
            excess = self.count(messages) - num_tokens
            if excess == 0:
                return messages
            num_words = max(num_words - excess, 1)
        raise ValueError(f"no prompt of {num_tokens} tokens could be made; ask for more")
