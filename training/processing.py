"""Messages to model inputs, as Glm46VProcessor does it but without torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import Glm46VImageProcessorPil, PreTrainedTokenizerFast

Message = dict[str, Any]

IMAGE_TOKEN = "<|image|>"


@dataclass(frozen=True)
class Pixels:
    """Patches of some pictures, one after the other.

    values: float32 [patches, 1176]; grid: int64 [pictures, 3], patches in time, height and width.
    """

    values: torch.Tensor
    grid: torch.Tensor

    def token_counts(self) -> list[int]:
        """Visual tokens of each picture: four patches are merged into one."""
        return [int(count) for count in self.grid.prod(dim=1) // 4]


class Processor:
    """The tokenizer, the chat template and the picture processor of one model folder."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, image_processor: Glm46VImageProcessorPil
    ) -> None:
        self.tokenizer = tokenizer
        self.image_processor = image_processor

    @classmethod
    def load(cls, folder: Path) -> Processor:
        return cls(
            PreTrainedTokenizerFast.from_pretrained(folder),
            Glm46VImageProcessorPil.from_pretrained(folder),
        )

    def pixels(self, pictures: Sequence[Image.Image]) -> Pixels:
        features = self.image_processor(list(pictures), return_tensors="pt")
        return Pixels(features["pixel_values"], features["image_grid_thw"])

    def prompt(
        self, messages: list[Message], token_counts: Sequence[int], thinking: bool = False
    ) -> str:
        """The text of a conversation up to the next answer, placeholders repeated."""
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
        return expand(str(text), token_counts)

    def token_ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))


def expand(text: str, token_counts: Sequence[int]) -> str:
    """Repeats the n-th picture's placeholder as often as it has visual tokens."""
    first, *rest = text.split(IMAGE_TOKEN)
    if len(rest) != len(token_counts):
        raise ValueError(f"{len(rest)} placeholders for {len(token_counts)} pictures")
    pieces = [IMAGE_TOKEN * count + piece for count, piece in zip(token_counts, rest, strict=True)]
    return first + "".join(pieces)
