"""Messages to model inputs, as Glm46VProcessor does it but without torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import Glm46VImageProcessorPil, PreTrainedTokenizerFast
from transformers.models.glm46v.image_processing_pil_glm46v import smart_resize

Message = dict[str, Any]

IMAGE_TOKEN = "<|image|>"
REMEMBERED = 20_000  # short texts and their token ids; most pieces of a talk come again
LONGEST_REMEMBERED = 80  # characters


@dataclass(frozen=True)
class Pixels:
    """Patches of some pictures, one after the other.

    values: float32 [patches, 1176]; grid: int64 [pictures, 3], patches in time, height and width.
    """

    values: torch.Tensor
    grid: torch.Tensor

    def token_counts(self) -> list[int]:
        """Visual tokens of each picture."""
        return token_counts(self.grid)


@dataclass(frozen=True)
class Patches:
    """The same before they are numbers: resized and cut, each frame once.

    values: uint8 [patches, 588], red, green and blue, row by row; grid as in `Pixels`.
    """

    values: torch.Tensor
    grid: torch.Tensor

    def token_counts(self) -> list[int]:
        """Visual tokens of each picture."""
        return token_counts(self.grid)


def token_counts(grid: torch.Tensor) -> list[int]:
    """Of each picture: four patches are merged into one visual token."""
    return [int(count) for count in grid.prod(dim=1) // 4]


class Processor:
    """The tokenizer, the chat template and the picture processor of one model folder."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, image_processor: Glm46VImageProcessorPil
    ) -> None:
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self._remembered: dict[str, list[int]] = {}

    @classmethod
    def load(cls, folder: Path) -> Processor:
        return cls(
            PreTrainedTokenizerFast.from_pretrained(folder),
            Glm46VImageProcessorPil.from_pretrained(folder),
        )

    def pixels(self, pictures: Sequence[Image.Image]) -> Pixels:
        features = self.image_processor(list(pictures), return_tensors="pt")
        return Pixels(features["pixel_values"], features["image_grid_thw"])

    def patches(self, pictures: Sequence[Image.Image]) -> Patches:
        """What `pixels` would normalize, in a fraction of its time and an eighth of its memory."""
        cut = [cut_patches(self.resized(picture)) for picture in pictures]
        grids = torch.tensor([[1, *grid] for _values, grid in cut])
        return Patches(torch.cat([values for values, _grid in cut]), grids)

    def resized(self, picture: Image.Image) -> Image.Image:
        """As the picture processor does it."""
        own, (width, height) = self.image_processor, picture.size
        height, width = smart_resize(
            num_frames=own.temporal_patch_size,
            height=height,
            width=width,
            temporal_factor=own.temporal_patch_size,
            factor=own.patch_size * own.merge_size,
            min_pixels=own.size["shortest_edge"],
            max_pixels=own.size["longest_edge"],
        )
        return picture.convert("RGB").resize((width, height), own.resample)

    def prompt(
        self, messages: list[Message], token_counts: Sequence[int], thinking: bool = False
    ) -> str:
        """The text of a conversation up to the next answer, placeholders repeated."""
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
        return expand(str(text), token_counts)

    def token_ids(self, text: str) -> list[int]:
        """Of a text without more special tokens around it than it names."""
        known = self._remembered.get(text)
        if known is None:
            known = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
            if len(text) <= LONGEST_REMEMBERED and len(self._remembered) < REMEMBERED:
                self._remembered[text] = known
        return list(known)


def cut_patches(
    picture: Image.Image, patch: int = 14, merged: int = 2
) -> tuple[torch.Tensor, tuple[int, int]]:
    """Patches in the order in which `merged` squared of them become one visual token, uint8.

    Returns [patches, 3 * patch * patch], and how many there are in height and width.
    """
    pixels = np.asarray(picture)
    rows, columns = pixels.shape[0] // patch, pixels.shape[1] // patch
    blocks = pixels.reshape(rows // merged, merged, patch, columns // merged, merged, patch, 3)
    ordered = blocks.transpose(0, 3, 1, 4, 6, 2, 5).reshape(rows * columns, -1)
    return torch.from_numpy(ordered), (rows, columns)


def normalized(patches: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """uint8 [patches, 588] as in `Patches` to float32 [patches, 1176] as in `Pixels`.

    mean, deviation: float [3], of red, green and blue, from 0 to 1.
    """
    colors = patches.float().view(len(patches), 3, 1, patches.shape[1] // 3) / 255
    frames = (colors - mean[:, None, None]) / deviation[:, None, None]
    return frames.expand(-1, -1, 2, -1).flatten(1)


def expand(text: str, token_counts: Sequence[int]) -> str:
    """Repeats the n-th picture's placeholder as often as it has visual tokens."""
    first, *rest = text.split(IMAGE_TOKEN)
    if len(rest) != len(token_counts):
        raise ValueError(f"{len(rest)} placeholders for {len(token_counts)} pictures")
    pieces = [IMAGE_TOKEN * count + piece for count, piece in zip(token_counts, rest, strict=True)]
    return first + "".join(pieces)
