from __future__ import annotations

import pytest

from training.evaluate import Score, grade, table
from training.examination.exam import Item, draw_exam


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(draw_exam(seed=1, scenes=20))


def test_expected_answers_are_graded_right(items: list[Item]) -> None:
    scores = grade(items, [item.expected for item in items])
    assert all(score.share == 1.0 for score in scores)
    assert sum(score.total for score in scores) == len(items)


def test_empty_answers_are_graded_wrong(items: list[Item]) -> None:
    scores = grade(items, [""] * len(items))
    assert all(score.share == 0.0 for score in scores)
    assert not any(score.passed for score in scores if score.target is not None)


def test_exam_depends_on_its_seed_alone() -> None:
    first, again, other = (
        [item.expected for item in draw_exam(seed, scenes=3)] for seed in (5, 5, 6)
    )
    assert first == again != other


def test_interval_contains_the_share_and_stays_within_one() -> None:
    low, high = Score("color", 49, 50).interval
    assert 0 < low < 0.98 < high < 1


def test_table_has_a_row_for_each_score() -> None:
    assert "| color | 50.0% | 2 |" in table([Score("color", 1, 2)])
