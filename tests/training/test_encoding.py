from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch

from training.build import MODEL_FOLDER
from training.learning.dataset import SampleStream
from training.learning.encoding import IGNORED, Encoded, encode
from training.learning.sample import Sample, Talk, draw_sample
from training.learning.stage import Stage
from training.processing import Processor, expand
from training.world.scene import COLORS, KINDS, Limits

LIMITS = Limits(longest_side=168)
STAGE = Stage(0, LIMITS, talks=3)


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(MODEL_FOLDER)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [draw_sample(Random(f"encoding {seed}"), LIMITS) for seed in range(60)]


def messages(sample: Sample, talk: Talk) -> Iterator[dict[str, Any]]:
    images = [{"type": "image"}] * len(sample.pictures)
    for index, exchange in enumerate(talk.exchanges):
        text = [{"type": "text", "text": exchange.question}]
        pictures = images if index == 0 else []
        content = text + pictures if sample.picture_last else pictures + text
        yield {"role": "user", "content": content}
        last = index == len(talk.exchanges) - 1
        thought = talk.thought if last and talk.thought else ""
        yield {"role": "assistant", "content": exchange.answer, "reasoning_content": thought}


def of_branch(encoded: Encoded, number: int) -> torch.Tensor:
    """Which tokens the conversation of this number sees."""
    return (encoded.branches == 0) | (encoded.branches == number)


def test_branches_are_what_the_template_writes(processor: Processor, samples: list[Sample]) -> None:
    for sample in samples:
        encoded = encode(processor, sample)
        counts = encoded.pixels.token_counts() if encoded.pixels else []
        for number, talk in enumerate(sample.talks, start=1):
            talked = list(messages(sample, talk))
            text = processor.tokenizer.apply_chat_template(talked, tokenize=False)
            token_ids = processor.token_ids(expand(str(text), counts) + "<|user|>")
            assert encoded.token_ids[of_branch(encoded, number)].tolist() == token_ids


def test_mask_covers_exactly_what_the_assistant_writes(
    processor: Processor, samples: list[Sample]
) -> None:
    for sample in samples:
        encoded = encode(processor, sample)
        for number, talk in enumerate(sample.talks, start=1):
            answers = [f"{exchange.answer}<|user|>" for exchange in talk.exchanges]
            if talk.thought is not None:
                answers[-1] = f"<think>{talk.thought}</think>\n{answers[-1]}"
            trained = of_branch(encoded, number) & (encoded.labels != IGNORED)
            written = processor.tokenizer.decode(encoded.labels[trained])
            assert written == "".join(answers)
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
