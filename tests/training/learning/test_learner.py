from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch

from training.build import MODEL_FOLDER, build_model
from training.learning.dataset import collate
from training.learning.encoding import encode
from training.learning.learner import Learner
from training.learning.sample import Sample, draw_sample
from training.processing import Processor
from training.world.scene import Limits

LIMITS = Limits(longest_side=168)


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(MODEL_FOLDER)


@pytest.fixture(scope="module")
def learner(processor: Processor) -> Learner:
    return Learner(build_model(processor.tokenizer, seed=0)).eval()


def summed_loss(learner: Learner, processor: Processor, samples: list[Sample]) -> float:
    """The answers' loss times the number of trained tokens."""
    batch = collate([encode(processor, sample) for sample in samples], 0)
    with torch.no_grad():
        return float(learner(batch).answer) * int((batch.labels >= 0).sum())


@pytest.mark.parametrize("seed", range(6))
def test_talks_about_one_picture_know_nothing_of_each_other(
    learner: Learner, processor: Processor, seed: int
) -> None:
    sample = draw_sample(Random(f"learner {seed}"), LIMITS, talks=4)
    alone = [replace(sample, talks=(talk,)) for talk in sample.talks]
    separate = sum(summed_loss(learner, processor, [one]) for one in alone)
    assert summed_loss(learner, processor, [sample]) == pytest.approx(separate, rel=1e-4)


def test_sequences_of_other_lengths_beside_change_nothing(
    learner: Learner, processor: Processor
) -> None:
    samples = [draw_sample(Random(f"beside {seed}"), LIMITS, talks=3) for seed in range(5)]
    separate = sum(summed_loss(learner, processor, [sample]) for sample in samples)
    assert summed_loss(learner, processor, samples) == pytest.approx(separate, rel=1e-4)
