"""The peer: transformers' own `generate`, in this process, on one static batch.

This flatters the peer: it pays for no HTTP, and its batch starts and ends together.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import torch
from PIL import Image

from benchmarks.measure import Sample
from training.examination.answering import Answerer, Prepared, Prompt, user


class GeneratePeer:
    """A checkpoint loaded by transformers, in float32."""

    def __init__(self, model: Path) -> None:
        self._answerer = Answerer.load(model)

    @torch.inference_mode()
    def ask_together(self, prompts: list[tuple[str, bytes]], token_count: int) -> Sample:
        """Answers (question, PNG) pairs as one batch of `token_count` tokens each."""
        start = time.perf_counter()
        self._generate(prompts, 1)
        first = time.perf_counter() - start
        start = time.perf_counter()
        self._generate(prompts, token_count)
        return Sample(first, time.perf_counter() - start, token_count * len(prompts))

    def _generate(self, prompts: list[tuple[str, bytes]], token_count: int) -> None:
        batch = [self._prepared(question, png) for question, png in prompts]
        pad_id = self._answerer.processor.tokenizer.pad_token_id
        token_ids = torch.nn.utils.rnn.pad_sequence(
            [item.token_ids for item in batch],
            batch_first=True,
            padding_value=pad_id,
            padding_side="left",
        )
        self._answerer.model.generate(
            input_ids=token_ids,
            attention_mask=(token_ids != pad_id).long(),
            do_sample=False,
            min_new_tokens=token_count,
            max_new_tokens=token_count,
            **self._answerer.pictures(batch, token_ids),
        )

    def _prepared(self, question: str, png: bytes) -> Prepared:
        image = Image.open(io.BytesIO(png))
        return self._answerer.prepare(Prompt([user(question, pictures=1)], (image,)))
