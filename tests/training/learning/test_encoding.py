from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch

from training.build import MODEL_FOLDER
from training.learning.encoding import GLYPHS, Encoded, Segment, encode
from training.learning.glyphs import IGNORED
from training.learning.sample import Sample, Talk, draw_sample
from training.processing import Processor, expand
from training.world.scene import COLORS, KINDS, Limits, Scene

LIMITS = Limits(longest_side=168)


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(MODEL_FOLDER)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [draw_sample(Random(f"encoding {seed}"), LIMITS) for seed in range(60)]


def messages(sample: Sample, talk: Talk) -> Iterator[dict[str, Any]]:
    for index, exchange in enumerate(talk.exchanges):
        text = [{"type": "text", "text": exchange.question}]
        count = exchange.pictures if index else sample.first_pictures()
        pictures = [{"type": "image"}] * count
        behind = index == 0 and sample.picture_last
        content = text + pictures if behind else pictures + text
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
        counts = encoded.patches.token_counts() if encoded.patches else []
        for number, talk in enumerate(sample.talks, start=1):
            talked = list(messages(sample, talk))
            text = processor.tokenizer.apply_chat_template(talked, tokenize=False)
            written = expand(str(text), counts) + "<|user|>"
            seen = encoded.token_ids[of_branch(encoded, number)]
            assert processor.tokenizer.decode(seen) == written
            if not any(exchange.spelt for exchange in talk.exchanges):
                assert seen.tolist() == processor.token_ids(written)


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
        scenes = [subject for subject in sample.subjects if isinstance(subject, Scene)]
        shapes = {shape for scene in scenes for shape in scene.shapes}
        wanted = {(KINDS.index(s.kind) + 1, COLORS.index(s.color) + 1) for s in shapes}
        seen = {(int(kind), int(color)) for kind, color in encoded.sights[:, :2] if kind > 0}
        assert seen == wanted


def test_what_is_not_a_scene_has_no_shapes_to_learn(
    processor: Processor, samples: list[Sample]
) -> None:
    others = [s for s in samples if s.subjects and not isinstance(s.subjects[0], Scene)]
    assert others
    for sample in others:
        assert (encode(processor, sample).sights[:, :GLYPHS] == IGNORED).all()


def test_a_later_picture_comes_with_its_question(
    processor: Processor, samples: list[Sample]
) -> None:
    later = [sample for sample in samples if sample.first_pictures() < len(sample.pictures)]
    assert later
    for sample in later:
        encoded = encode(processor, sample)
        assert encoded.patches is not None
        written = processor.tokenizer.decode(encoded.token_ids)
        (talk,) = sample.talks
        question = next(exchange for exchange in talk.exchanges if exchange.pictures)
        count = encoded.patches.token_counts()[1]
        shown = f"<|begin_of_image|>{'<|image|>' * count}<|end_of_image|>{question.question}"
        assert f"<|user|>\n{shown}<|assistant|>" in written


def test_spelt_text_is_cut_into_characters(processor: Processor) -> None:
    segment = Segment("It says star light.", True, 1, spelt=("star", "light"))
    assert list(segment.pieces()) == ["It says ", *"star", " ", *"light", "."]
