"""sightline-nano is trained and examined on a GPU as on the CPU."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from training import trainer as trainer_module
from training.build import MODEL_FOLDER
from training.examination.answering import Answerer
from training.examination.drawing import draw_prompts, drawn_by_world
from training.examination.exam import EXAMS
from training.learning.sample import SCENES_ALONE
from training.learning.schedule import Schedule
from training.learning.stage import Stage
from training.processing import Processor
from training.trainer import Settings, Trainer
from training.world.scene import Limits

pytestmark = pytest.mark.gpu
STAGE = Stage(0, Limits(most_shapes=2, longest_side=140), talks=2, looks=SCENES_ALONE)
CELLS = ["color", "description", "two pictures", "no picture"]


def trainer(folder: Path, device: torch.device, precision: str) -> Trainer:
    settings = Settings(
        folder=folder, batch_size=2, workers=1, device=str(device), precision=precision
    )
    return Trainer(settings, Schedule(steady=4), Processor.load(settings.model))


def losses(of: Trainer, count: int) -> list[float]:
    batches = itertools.islice(of.batches(), count)
    return [of.learn(batch, 0.01)[0].sight.total().item() for batch in batches]


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trainer_module.WORLDS, "whole", (STAGE,))


@pytest.mark.parametrize(("precision", "apart"), [("float32", 0.01), ("bfloat16", 0.05)])
def test_a_gpu_learns_what_the_cpu_learns(
    tmp_path: Path, cuda: torch.device, precision: str, apart: float
) -> None:
    cpu = losses(trainer(tmp_path, torch.device("cpu"), "float32"), 6)
    assert losses(trainer(tmp_path, cuda, precision), 6) == pytest.approx(cpu, rel=apart)


def test_training_goes_on_with_a_gpus_checkpoint(tmp_path: Path, cuda: torch.device) -> None:
    trainer(tmp_path, cuda, "bfloat16").run()
    for device in (torch.device("cpu"), cuda):
        resumed = trainer(tmp_path, device, "float32")
        resumed.prepare()
        assert resumed.step == 4
        assert all(loss > 0 for loss in losses(resumed, 2))


def test_a_gpu_answers_what_the_cpu_answers(cuda: torch.device) -> None:
    exam = EXAMS["scenes"]
    items = list(exam.draw(0, 4, CELLS))
    prompts = draw_prompts(items, exam.world, drawn_by_world(exam.world))
    on_cpu, on_gpu = (
        Answerer.load(MODEL_FOLDER, device).answer(prompts)
        for device in (torch.device("cpu"), cuda)
    )
    assert on_gpu == on_cpu
