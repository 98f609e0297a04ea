"""Rows as token ids, labels and pixels, in the syntax of the model's own chat template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from sightline_common.errors import MediaError
from sightline_encoder.image import MediaLimits, decode_image

from training.finetuning.rows import PLACEHOLDER, Row, Turn
from training.learning.encoding import IGNORED
from training.processing import IMAGE_TOKEN, Message, Pixels, Processor, expand

END_OF_ANSWER = "<|user|>"  # whose turn it is then; GLM's models stop at it
# Special tokens that an answer may hold.
ANSWER_TOKENS = frozenset({"<|begin_of_box|>", "<|end_of_box|>"})


@dataclass(frozen=True)
class Example:
    """token_ids, labels: int64 [tokens]; a label is the token itself where it is trained."""

    token_ids: torch.Tensor
    labels: torch.Tensor
    pixels: Pixels | None


class RowEncoder:
    """Encodes rows for one model; sequences have at most `most_tokens` tokens."""

    def __init__(self, processor: Processor, most_tokens: int) -> None:
        self.processor = processor
        self.most_tokens = most_tokens
        added = processor.tokenizer.added_tokens_decoder.values()
        self.special_tokens = frozenset(token.content for token in added)

    def encode(self, row: Row) -> Example:
        """Raises RowError for what the model cannot be given, pictures included."""
        self.check_special_tokens(row)
        images = [open_image(row, path) for path in row.images]
        pixels = self.processor.pixels(images) if images else None
        counts = pixels.token_counts() if pixels is not None else []
        token_ids: list[int] = []
        labels: list[int] = []
        for text, trained in self.segments(row, counts):
            fresh = self.processor.token_ids(text)
            token_ids += fresh
            labels += fresh if trained else [IGNORED] * len(fresh)
        if len(token_ids) > self.most_tokens:
            row.refuse(
                f"has {len(token_ids)} tokens, more than {self.most_tokens}; shorten it, shrink "
                "its pictures, or raise --max-tokens."
            )
        return Example(torch.tensor(token_ids), torch.tensor(labels), pixels)

    def check_special_tokens(self, row: Row) -> None:
        """The template's own tokens inside a message would be taken for the template's."""
        for number, turn in enumerate(row.turns, start=1):
            allowed = ANSWER_TOKENS if turn.role == "assistant" else frozenset[str]()
            text = turn.content + (turn.thought or "")
            found = sorted(token for token in self.special_tokens - allowed if token in text)
            if found:
                row.refuse(f"message {number} holds the special token {found[0]}; take it out.")

    def segments(self, row: Row, counts: list[int]) -> Iterator[tuple[str, bool]]:
        """The conversation in pieces, each with whether it is trained.

        As when it is served, all answers stand behind the same setting for thinking, and only
        the last one keeps its thought. If it has one, it alone is trained.
        """
        thinking = row.turns[-1].thought is not None
        last, done = len(row.turns) - 1, 0
        remaining = list(counts)
        for index, turn in enumerate(row.turns):
            if turn.role != "assistant" or (thinking and index < last):
                continue
            prompt = self.render(row.turns[:index], thinking, answering=True)
            answered = self.render(row.turns[: index + 1], thinking, answering=False)
            if not answered.startswith(prompt):
                row.refuse("the model's chat template does not put answers behind its own prompt.")
            asked = prompt[done:]
            here = [remaining.pop(0) for _ in range(asked.count(IMAGE_TOKEN))]
            yield expand(asked, here), False
            yield answered[len(prompt) :] + END_OF_ANSWER, True
            done = len(answered) + len(END_OF_ANSWER)

    def render(self, turns: tuple[Turn, ...], thinking: bool, answering: bool) -> str:
        last = turns[-1] if thinking else None
        messages = [message(turn, turn is last) for turn in turns]
        text = self.processor.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=answering, enable_thinking=thinking
        )
        return str(text)


def message(turn: Turn, with_thought: bool) -> Message:
    """A turn as chat templates take it."""
    if turn.role != "user":
        thought = {"reasoning_content": turn.thought} if with_thought else {}
        return {"role": turn.role, "content": turn.content} | thought
    texts = turn.content.split(PLACEHOLDER)
    parts = [{"type": "text", "text": texts[0]}]
    for text in texts[1:]:
        parts += [{"type": "image"}, {"type": "text", "text": text}]
    return {"role": "user", "content": [part for part in parts if part.get("text") != ""]}


def open_image(row: Row, path: Path) -> Image.Image:
    """The pixels that the encoder would see, under the encoder's limits."""
    limits = MediaLimits()
    if path.stat().st_size > limits.max_file_bytes:
        row.refuse(f"{path} has more than {limits.max_file_bytes} bytes; use a smaller picture.")
    try:
        return decode_image(path.read_bytes(), limits)
    except MediaError as error:
        row.refuse(f"{path}: {error}")
