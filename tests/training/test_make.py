from __future__ import annotations

import time
from pathlib import Path

import pytest

from training.build import MODEL_FOLDER
from training.make import commands, left, run
from training.plan import CPU_PLAN, PLANS, Phase
from training.trainer import parser, schedule_of, settings_of

MODEL = Path("models/new")
PLAN = (Phase("whole", 30, 10), Phase("talk", 0, 5, ("--freeze-sight",)))


def modules(given: list[tuple[str, ...]]) -> list[str]:
    return [command[0] for command in given]


def test_everything_is_made_in_order(tmp_path: Path) -> None:
    made = commands(PLAN, tmp_path, MODEL_FOLDER, 200)
    expected = ["build", "trainer", "trainer", "export", "curve", "examples", "evaluate"]
    assert modules(made) == expected


def test_a_trial_in_another_folder_leaves_the_served_examples_alone(tmp_path: Path) -> None:
    assert "examples" not in modules(commands(PLAN, tmp_path, MODEL, 200))


def test_the_picture_of_answers_is_made_of_the_new_weights(tmp_path: Path) -> None:
    *_, examining = commands(PLAN, tmp_path, MODEL, 200)
    assert examining[examining.index("--model") + 1] == str(MODEL)
    assert examining[examining.index("--sheet") + 1] == str(MODEL / "answers.png")


def test_begun_training_keeps_its_weights(tmp_path: Path) -> None:
    (tmp_path / "whole.pt").touch()
    assert modules(commands(PLAN, tmp_path, MODEL, 200))[:2] == ["trainer", "trainer"]


def test_each_phase_begins_with_the_one_before_and_the_last_is_exported(tmp_path: Path) -> None:
    _, first, second, exporting, *_ = commands(PLAN, tmp_path, MODEL, 200)
    assert "--from" not in first
    assert second[second.index("--from") + 1] == str(tmp_path / "whole.pt")
    assert exporting[exporting.index("--checkpoint") + 1] == str(tmp_path / "talk.pt")


@pytest.mark.parametrize("device", PLANS)
def test_the_trainer_understands_every_phase_of_the_plans(device: str, tmp_path: Path) -> None:
    trainings = [c for c in commands(PLANS[device], tmp_path, MODEL, 200) if c[0] == "trainer"]
    for command, phase in zip(trainings, PLANS[device], strict=True):
        arguments = parser().parse_args(command[1:])
        settings, schedule = settings_of(arguments), schedule_of(arguments)
        assert settings.checkpoint == tmp_path / f"{phase.name}.pt"
        assert (settings.device, settings.model) == (device, MODEL)
        assert (schedule.steady, schedule.decay) == (phase.minutes, phase.decay_minutes)


def test_names_of_phases_differ() -> None:
    for plan in PLANS.values():
        assert len({phase.name for phase in plan}) == len(plan)


def test_a_scaled_phase_differs_in_its_length_alone() -> None:
    assert PLAN[1].scaled(0.5) == Phase("talk", 0, 2.5, ("--freeze-sight",))
    assert CPU_PLAN[0].scaled(1) == CPU_PLAN[0]


def test_training_gets_what_is_left_of_a_call() -> None:
    assert left(None, began=0) == ()
    _, minutes = left(9, began=time.monotonic() - 120)
    assert float(minutes) == pytest.approx(7, abs=0.1)
    assert float(left(9, began=time.monotonic() - 6000)[1]) > 0


def test_a_failing_command_ends_making_with_its_status(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        run("export", "--checkpoint", str(tmp_path / "none.pt"))
    assert caught.value.code == 1
