from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from training.curve import LOSSES, MOST_POINTS, draw_curve, read_curve, smooth, thinned


def row(step: int, phase: str = "whole", answer: float = 1.0) -> dict[str, Any]:
    return {"phase": phase, "step": step, "minutes": step / 2} | dict.fromkeys(LOSSES, answer)


def test_what_was_trained_again_replaces_what_was_lost(tmp_path: Path) -> None:
    rows = [row(10), row(20, answer=9.0), row(20, answer=2.0), row(30)]
    lines = "\n".join(json.dumps(each) for each in rows)
    (tmp_path / "curve.jsonl").write_text(lines, encoding="utf-8")
    assert [(each["step"], each["answer"]) for each in read_curve(tmp_path)] == [
        *((10, 1.0), (20, 2.0), (30, 1.0))
    ]


def test_a_trial_of_a_few_steps_has_an_empty_curve(tmp_path: Path) -> None:
    draw_curve(read_curve(tmp_path), tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").exists()


def test_smoothing_keeps_a_constant_and_lessens_a_jump() -> None:
    assert smooth([3.0] * 5) == pytest.approx([3.0] * 5)
    assert 1.0 < smooth([1.0] * 20 + [2.0])[-1] < 1.2


@pytest.mark.parametrize("count", [0, 1, 2, MOST_POINTS, MOST_POINTS + 1, 15_000])
def test_a_line_has_few_points_and_keeps_its_ends(count: int) -> None:
    points = [(float(index), 0.0) for index in range(count)]
    shown = thinned(points)
    assert len(shown) <= MOST_POINTS + 1
    assert shown == sorted(set(shown))
    if points:
        assert (shown[0], shown[-1]) == (points[0], points[-1])


@pytest.mark.parametrize("name", ["curve.svg", "curve.png"])
def test_the_picture_shows_lines_for_rows_of_several_phases(tmp_path: Path, name: str) -> None:
    rows = [row(step, "whole" if step < 50 else "talk", 1 / step) for step in range(10, 90, 10)]
    rows[0]["answer"] = 0.0  # a stretch only for looking
    draw_curve(rows, tmp_path / name)
    draw_curve(rows, tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    if name.endswith("png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size[0] > 500
