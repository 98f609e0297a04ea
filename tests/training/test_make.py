from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from training import make
from training.evaluate import MISSED
from training.examination.exam import EXAMS
from training.make import BROWSER_CELLS, Command, finishing, left, run, training
from training.plan import CPU_PLAN, PLANS, Phase
from training.trainer import parser, schedule_of, settings_of

MODEL = Path("models/new")
PLAN = (Phase("whole", 30, 10), Phase("talk", 0, 5, ("--freeze-sight",)))


def commands(folder: Path, plan: tuple[Phase, ...] = PLAN, device: str = "cuda:1") -> list[Command]:
    return [*training(plan, folder, device), *finishing(plan, folder, MODEL, 200, device)]


def modules(given: list[Command]) -> list[str]:
    return [command[0] for command in given]


def value(command: Command, option: str) -> str:
    return command[command.index(option) + 1]


@pytest.fixture(params=[True, False], ids=["browser", "no browser"])
def browser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(make, "has_browser", lambda: request.param)
    return bool(request.param)


def test_everything_is_made_in_order_and_the_card_at_last(tmp_path: Path, browser: bool) -> None:
    exams = ["evaluate"] * (1 + browser)
    expected = ["build", "trainer", "trainer", "export", "curve", *exams, "card"]
    assert modules(commands(tmp_path)) == expected


def test_the_device_that_is_named_trains_and_examines(tmp_path: Path) -> None:
    made = [each for each in commands(tmp_path) if each[0] in ("trainer", "evaluate")]
    assert {value(command, "--device") for command in made} == {"cuda:1"}
    for command in made[:2]:
        assert settings_of(parser().parse_args(command[1:])).device == "cuda:1"


def test_the_served_folder_is_written_only_after_training(tmp_path: Path) -> None:
    begun = training(PLAN, tmp_path, "cpu")
    assert not any(str(MODEL) in command for command in begun)
    assert value(begun[0], "--out") == value(begun[1], "--model") == str(tmp_path / "model")


def test_what_is_examined_is_what_the_card_is_written_of(tmp_path: Path) -> None:
    *_, examining, writing = commands(tmp_path)
    assert value(examining, "--model") == value(writing, "--model") == str(MODEL)
    assert Path(value(examining, "--json")).parent == Path(value(writing, "--folder"))
    assert value(writing, "--checkpoint") == str(tmp_path / "talk.pt")


def test_the_browser_is_asked_about_scenes_alone() -> None:
    assert set(BROWSER_CELLS) <= set(EXAMS["scenes"].cells) & set(EXAMS["whole"].cells)


def test_begun_training_keeps_its_weights(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").touch()
    assert modules(training(PLAN, tmp_path, "cpu")) == ["trainer", "trainer"]


def test_each_phase_begins_with_the_one_before_and_the_last_is_exported(tmp_path: Path) -> None:
    _, first, second, exporting, *_ = commands(tmp_path)
    assert "--from" not in first
    assert value(second, "--from") == str(tmp_path / "whole.pt")
    assert value(exporting, "--checkpoint") == str(tmp_path / "talk.pt")


@pytest.mark.parametrize("device", PLANS)
def test_the_trainer_understands_every_phase_of_the_plans(device: str, tmp_path: Path) -> None:
    trainings = training(PLANS[device], tmp_path, device)[1:]
    for command, phase in zip(trainings, PLANS[device], strict=True):
        arguments = parser().parse_args(command[1:])
        settings, schedule = settings_of(arguments), schedule_of(arguments)
        assert settings.checkpoint == tmp_path / f"{phase.name}.pt"
        assert (settings.device, settings.model) == (device, tmp_path / "model")
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


def test_a_failing_command_ends_making_with_its_status() -> None:
    with pytest.raises(SystemExit) as caught:
        run("no_such_command")
    assert caught.value.code == 1


def test_a_missed_bar_is_told_at_the_end_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = []

    def finish(command: list[str]) -> subprocess.CompletedProcess[str]:
        done.append(command[2].removeprefix("training."))
        return subprocess.CompletedProcess(command, MISSED if done[-1] == "evaluate" else 0)

    monkeypatch.setattr(subprocess, "run", finish)
    monkeypatch.setattr(sys, "argv", ["make", "--folder", str(tmp_path), "--model", str(MODEL)])
    with pytest.raises(SystemExit) as caught:
        make.main()
    assert caught.value.code == MISSED
    assert done[-1] == "card"


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["make", "--device", "cuda:99"])
    with pytest.raises(SystemExit, match="make: --device cuda:99, but"):
        make.main()
