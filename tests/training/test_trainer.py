from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.learning.schedule import Schedule
from training.learning.stage import CURRICULUM
from training.processing import Processor
from training.trainer import Settings, Trainer


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(Settings.model)


def tiny(folder: Path) -> Settings:
    return Settings(folder=folder, batch_size=2, workers=0, bfloat16=False)


TALKING = next(stage.start for stage in CURRICULUM if stage.look_share < 1)


def talking(folder: Path, processor: Processor) -> Trainer:
    """A trainer whose next batches hold conversations."""
    trainer = Trainer(tiny(folder), Schedule(), processor)
    trainer.step = TALKING
    return trainer


def losses(trainer: Trainer, count: int) -> list[float]:
    batches = trainer.batches()
    return [trainer.learn(next(batches), 0.1)[0].answer.item() for _ in range(count)]


def test_resumed_training_continues_with_the_same_losses(
    tmp_path: Path, processor: Processor
) -> None:
    through = talking(tmp_path, processor)
    losses(through, 2)
    through.save()
    expected = losses(through, 2)

    resumed = Trainer(tiny(tmp_path), Schedule(), processor)
    resumed.resume()

    assert resumed.step == TALKING + 2
    # Muon computes in bfloat16, so the order of sums in threads shows.
    assert losses(resumed, 2) == pytest.approx(expected, rel=1e-3)


def test_freeze_sight_leave_the_vision_tower_as_it_is(
    tmp_path: Path, processor: Processor
) -> None:
    settings = replace(tiny(tmp_path), freeze_sight=True, from_shipped=True)
    trainer = Trainer(settings, Schedule(), processor)
    before = {name: value.clone() for name, value in trainer.learner.named_parameters()}
    losses(trainer, 2)
    changed = [n for n, v in trainer.learner.named_parameters() if not torch.equal(v, before[n])]
    assert any("language_model.layers.0" in name for name in changed)
    assert not any("visual" in name or "sight_head" in name for name in changed)


def test_learning_changes_the_weights_of_both_towers(tmp_path: Path, processor: Processor) -> None:
    trainer = talking(tmp_path, processor)
    before = {name: value.clone() for name, value in trainer.learner.named_parameters()}
    losses(trainer, 3)
    changed = [n for n, v in trainer.learner.named_parameters() if not torch.equal(v, before[n])]
    assert any("visual.blocks.0" in name for name in changed)
    assert any("language_model.layers.0" in name for name in changed)


def test_decay_goes_from_one_to_zero() -> None:
    schedule = Schedule(decay_steps=10)
    shares = [schedule.share(1000, step) for step in range(11)]
    assert shares[0] == 1.0
    assert shares[-1] == 0.0
    assert shares == sorted(shares, reverse=True)
