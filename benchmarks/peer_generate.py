"""The peer: transformers' own `generate`, in this process, on one static batch.

This flatters the peer: it pays for no HTTP, and its batch starts and ends together.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from benchmarks.measure import Sample


class GeneratePeer:
    """A checkpoint loaded by transformers, in float32, with SDPA attention."""

    def __init__(self, model: Path) -> None:
        self._processor: Any = AutoProcessor.from_pretrained(model)
        self._processor.tokenizer.padding_side = "left"
        self._model: Any = AutoModelForImageTextToText.from_pretrained(
            model, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()

    @torch.inference_mode()
    def ask_together(self, prompts: list[tuple[str, bytes]], token_count: int) -> Sample:
        """Answers (question, PNG) pairs as one batch of `token_count` tokens each."""
        start = time.perf_counter()
        inputs = self._inputs(prompts)
        self._generate(inputs, 1)
        first = time.perf_counter() - start
        start = time.perf_counter()
        inputs = self._inputs(prompts)
        self._generate(inputs, token_count)
        return Sample(first, time.perf_counter() - start, token_count * len(prompts))

    def _inputs(self, prompts: list[tuple[str, bytes]]) -> Any:
        texts = [self._render(question) for question, _png in prompts]
        images = [[Image.open(io.BytesIO(png))] for _question, png in prompts]
        return self._processor(text=texts, images=images, padding=True, return_tensors="pt")

    def _render(self, question: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        message = {"role": "user", "content": content}
        rendered: str = self._processor.apply_chat_template(
            [message], tokenize=False, add_generation_prompt=True
        )
        return rendered

    def _generate(self, inputs: Any, token_count: int) -> None:
        self._model.generate(
            **inputs, do_sample=False, min_new_tokens=token_count, max_new_tokens=token_count
        )
