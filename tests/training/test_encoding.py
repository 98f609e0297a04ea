from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch

from training.build import MODEL_FOLDER
from training.dataset import SampleStream
from training.encoding import IGNORED, Encoded, encode
from training.processing import Processor, expand
from training.sample import Sample, draw_sample
from training.scene import COLORS, KINDS, Limits
from training.stage import Stage

LIMITS = Limits(longest_side=168)
STAGE = Stage(0, LIMITS, most_exchanges=3)


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(MODEL_FOLDER)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [draw_sample(Random(f"encoding {seed}"), LIMITS) for seed in range(60)]


def messages(sample: Sample) -> Iterator[dict[str, Any]]:
    images = [{"type": "image"}] * len(sample.pictures)
    for index, exchange in enumerate(sample.exchanges):
        text = [{"type": "text", "text": exchange.question}]
        pictures = images if index == 0 else []
        content = text + pictures if sample.picture_last else pictures + text
        yield {"role": "user", "content": content}
        last = index == len(sample.exchanges) - 1
        thought = sample.thought if last and sample.thought else ""
        yield {"role": "assistant", "content": exchange.answer, "reasoning_content": thought}


def trained_text(processor: Processor, encoded: Encoded) -> str:
    return str(processor.tokenizer.decode(encoded.labels[encoded.labels != IGNORED]))


def test_samples_are_what_the_template_writes(processor: Processor, samples: list[Sample]) -> None:
    for sample in samples:
        encoded = encode(processor, sample)
        counts = encoded.pixels.token_counts() if encoded.pixels else []
        text = processor.tokenizer.apply_chat_template(list(messages(sample)), tokenize=False)
        token_ids = processor.token_ids(expand(str(text), counts) + "<|user|>")
        assert encoded.token_ids.tolist() == token_ids


def test_mask_covers_exactly_what_the_assistant_writes(
    processor: Processor, samples: list[Sample]
) -> None:
    for sample in samples:
        encoded = encode(processor, sample)
        answers = [f"{exchange.answer}<|user|>" for exchange in sample.exchanges]
        if sample.thought is not None:
            answers[-1] = f"<think>{sample.thought}</think>\n{answers[-1]}"
        assert trained_text(processor, encoded) == "".join(answers)
        trained = encoded.labels != IGNORED
        assert torch.equal(encoded.labels[trained], encoded.token_ids[trained])


def test_sights_show_every_shape_of_the_scene(processor: Processor, samples: list[Sample]) -> None:
    for sample in samples:
        encoded = encode(processor, sample)
        shapes = {shape for scene in sample.scenes for shape in scene.shapes}
        wanted = {(KINDS.index(s.kind) + 1, COLORS.index(s.color) + 1) for s in shapes}
        seen = {(int(kind), int(color)) for kind, color in encoded.sights[:, :2] if kind > 0}
        assert seen == wanted


def test_a_resumed_stream_goes_on_with_the_same_batches(processor: Processor) -> None:
    whole = iter(SampleStream(processor, STAGE, 2, seed=3))
    later = iter(SampleStream(processor, STAGE, 2, seed=3, start=9))
    for _ in range(9):
        next(whole)
    assert torch.equal(next(whole).token_ids, next(later).token_ids)
