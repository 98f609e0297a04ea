from __future__ import annotations

import sys
from pathlib import Path

import pytest

from training import card as card_module
from training.build import MODEL_FOLDER
from training.card import parameters, read_world, told_behind, told_browser, write_scores
from training.examination.exam import EXAMS
from training.examination.score import Score
from training.learning.checkpoint import Checkpoint, PhaseRecord

PHASE = PhaseRecord("whole", 12_345, 5400.0, True, 0, 32, 2e-3, "A GPU, bfloat16 products")


def scores(right: int = 190) -> list[Score]:
    whole = EXAMS["whole"]
    languages = [tongue.language for tongue in whole.world.tongues]
    return [Score(cell, language, right, 200) for cell in whole.cells for language in languages]


def test_the_shipped_card_names_the_world_of_the_shipped_weights() -> None:
    assert "sightline_world:" in (MODEL_FOLDER / "README.md").read_text("utf-8")
    assert read_world(MODEL_FOLDER) in EXAMS


def test_models_whose_card_names_no_world_are_examined_in_the_whole_one(tmp_path: Path) -> None:
    assert read_world(tmp_path) == "whole"
    (tmp_path / "README.md").write_text("# A model\n", encoding="utf-8")
    assert read_world(tmp_path) == "whole"


def test_an_unknown_world_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nsightline_world: moon\n---\n", encoding="utf-8")
    with pytest.raises(ValueError, match="the world moon; known are: whole, scenes, small"):
        read_world(tmp_path)


def test_the_card_tells_scores_phases_and_its_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder = tmp_path / "new", tmp_path / "training"
    model.mkdir()
    (model / "model.safetensors").symlink_to((MODEL_FOLDER / "model.safetensors").resolve())
    write_scores(folder / "scores.json", scores())
    write_scores(folder / "browser.json", [Score("color", "en", 180, 200)])
    Checkpoint(step=1, phases=(PHASE,), weights={}, rows={}).save(folder / "whole.pt")
    given = ["--model", model, "--folder", folder, "--checkpoint", folder / "whole.pt"]
    monkeypatch.setattr(sys, "argv", ["card", *map(str, given)])
    card_module.main()
    text = (model / "README.md").read_text("utf-8")
    assert read_world(model) == "whole"
    assert "| color | 95.0% (91.0% – 97.3%) ✗ 2.0 | 95.0%" in text
    assert "| whole | 12,345 | 32 | 1.50 | 0.002 | 0 | A GPU, bfloat16 products |" in text
    assert "5.0 points are lost, within the five" in text
    assert "of 9.6 million parameters" in text
    assert "$" not in text


def test_the_weights_are_counted() -> None:
    assert parameters(MODEL_FOLDER) == pytest.approx(9.6e6, rel=0.01)


def test_chinese_behind_english_is_told_cell_by_cell() -> None:
    even = [Score("count", "en", 190, 200, 0.95), Score("count", "zh", 190, 200, 0.95)]
    assert "within three points" in told_behind(even)
    late = [even[0], Score("count", "zh", 170, 200, 0.95)]
    assert told_behind(late).endswith("in: count (10.0).")


def test_points_lost_to_the_browser_are_of_the_same_questions() -> None:
    own = [Score("color", "en", 200, 200), Score("box", "en", 0, 200)]
    assert "10.0 points are lost, **beyond**" in told_browser(own, [Score("color", "en", 180, 200)])
    assert "no Chromium" in told_browser(own, [])
