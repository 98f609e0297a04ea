"""Answers of plain transformers, greedy and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from transformers import Glm4vForConditionalGeneration

from training.processing import Message, Pixels, Processor

CPU = torch.device("cpu")
MOST_TOKENS = 160  # of an answer; five shapes as JSON need 100
# Prompts whose pixels are held at once; those of a whole examination would be 30 GB.
AT_HAND, BATCHES_AT_HAND = 512, 16
BATCH_SIZES = {"cpu": 32, "cuda": 256}  # a GPU takes as long for many as for few


@dataclass(frozen=True)
class Prompt:
    """A conversation that waits for its next answer, and its pictures in order."""

    messages: list[Message]
    images: tuple[Image.Image, ...] = ()
    thinking: bool = False


@dataclass(frozen=True)
class Prepared:
    token_ids: torch.Tensor  # int64 [tokens]
    pixels: Pixels | None


def user(question: str, pictures: int = 0, picture_last: bool = False) -> Message:
    images = [{"type": "image"}] * pictures
    text = [{"type": "text", "text": question}]
    return {"role": "user", "content": text + images if picture_last else images + text}


class Answerer:
    """A model folder that answers prompts."""

    def __init__(self, model: Glm4vForConditionalGeneration, processor: Processor) -> None:
        self.model = model.eval()
        self.processor = processor

    @classmethod
    def load(cls, folder: Path, device: torch.device = CPU) -> Answerer:
        """Computes in float32 on every device: no TF32 on a GPU, not even in convolutions."""
        torch.backends.cudnn.allow_tf32 = False
        model = Glm4vForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        return cls(model.to(device), Processor.load(folder))

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.device
        return device

    def answer(
        self,
        prompts: Sequence[Prompt],
        batch_size: int | None = None,
        most_tokens: int = MOST_TOKENS,
    ) -> list[str]:
        """One answer for each prompt; of those at hand similar lengths are computed together.

        Without a batch size it is what suits the device.
        """
        batch_size = batch_size or BATCH_SIZES[self.device.type]
        size = max(batch_size, min(AT_HAND, BATCHES_AT_HAND * batch_size))
        parts = (prompts[start : start + size] for start in range(0, len(prompts), size))
        return [answer for part in parts for answer in self._sorted(part, batch_size, most_tokens)]

    def _sorted(self, prompts: Sequence[Prompt], batch_size: int, most_tokens: int) -> list[str]:
        prepared = [self.prepare(prompt) for prompt in prompts]
        order = sorted(range(len(prompts)), key=lambda i: len(prepared[i].token_ids))
        answers = [""] * len(prompts)
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            texts = self.generate([prepared[i] for i in indices], most_tokens)
            for index, text in zip(indices, texts, strict=True):
                answers[index] = text
        return answers

    def prepare(self, prompt: Prompt) -> Prepared:
        pixels = self.processor.pixels(prompt.images) if prompt.images else None
        counts = pixels.token_counts() if pixels is not None else []
        text = self.processor.prompt(prompt.messages, counts, prompt.thinking)
        return Prepared(torch.tensor(self.processor.token_ids(text)), pixels)

    @torch.inference_mode()
    def generate(self, batch: list[Prepared], most_tokens: int) -> list[str]:
        pad_id = self.processor.tokenizer.pad_token_id
        rows = [item.token_ids for item in batch]
        token_ids = torch.nn.utils.rnn.pad_sequence(
            rows, batch_first=True, padding_value=pad_id, padding_side="left"
        ).to(self.device)
        written = self.model.generate(
            input_ids=token_ids,
            attention_mask=(token_ids != pad_id).long(),
            max_new_tokens=most_tokens,
            do_sample=False,
            **self.pictures(batch, token_ids),
        )
        return [self.read(row.tolist()) for row in written[:, token_ids.shape[1] :]]

    def read(self, token_ids: list[int]) -> str:
        """The text up to the end; a box keeps the special tokens around it, as when served."""
        ends = set(self.model.generation_config.eos_token_id)
        length = next((i for i, token in enumerate(token_ids) if token in ends), len(token_ids))
        return str(self.processor.tokenizer.decode(token_ids[:length], skip_special_tokens=False))

    def pictures(self, batch: list[Prepared], token_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        pixels = [item.pixels for item in batch if item.pixels is not None]
        if not pixels:
            return {}
        return {
            "pixel_values": torch.cat([item.values for item in pixels]).to(self.device),
            "image_grid_thw": torch.cat([item.grid for item in pixels]).to(self.device),
            "mm_token_type_ids": (token_ids == self.model.config.image_token_id).int(),
        }
