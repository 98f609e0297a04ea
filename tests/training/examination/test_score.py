from __future__ import annotations

import pytest

from training.examination.score import Score, behind, named, table


def test_interval_contains_the_share_and_stays_within_one() -> None:
    low, high = Score("color", "en", 49, 50).interval
    assert 0 < low < 0.98 < high < 1


def test_interval_is_wilson_s() -> None:
    # By hand: (0.5 + 1.96²/200) / (1 + 1.96²/100) ± …, n = 100.
    assert Score("color", "en", 50, 100).interval == pytest.approx((0.4038, 0.5962), abs=1e-4)


@pytest.mark.parametrize(("right", "passed"), [(96, False), (97, True), (98, True)])
def test_a_bar_is_passed_by_reaching_it(right: int, passed: bool) -> None:
    assert Score("color", "en", right, 100, target=0.97).passed == passed


def test_a_cell_without_a_bar_is_passed() -> None:
    assert Score("thinking", "en", 0, 100).passed


@pytest.mark.parametrize(("chinese", "late"), [(92, {"count": 4.0}), (93, {}), (100, {})])
def test_chinese_may_stay_three_points_behind(chinese: int, late: dict[str, float]) -> None:
    scores = [Score("count", "en", 96, 100, 0.9), Score("count", "zh", chinese, 100, 0.9)]
    assert behind(scores) == pytest.approx(late)


def test_what_is_behind_is_told_with_how_far_the_farthest_first() -> None:
    assert named({"count": 4.0, "box": 6.54}) == "box (6.5), count (4.0)"


def test_table_has_a_column_for_each_language() -> None:
    scores = [Score("box", "en", 1, 2, 0.9), Score("box", "zh", 2, 2, 0.9)]
    head, _, row = table(scores).splitlines()
    assert head == "| cell | en | zh | n | target |"
    assert "50.0%" in row.split("|")[2]
    assert "✗ 40.0" in row.split("|")[2]
    assert "100.0%" in row.split("|")[3]
