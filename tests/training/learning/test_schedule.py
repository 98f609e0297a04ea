from __future__ import annotations

import math

import pytest

from training.learning.schedule import WARMUP_STEPS, Schedule, Unit


def test_without_a_length_the_rate_stays_at_its_peak() -> None:
    schedule = Schedule.of()
    assert schedule.share(10**9, 10**9) == 1.0


def test_it_rises_in_the_warm_up() -> None:
    shares = [Schedule().share(step, 0.0) for step in range(WARMUP_STEPS + 1)]
    assert shares[0] == pytest.approx(1 / WARMUP_STEPS)
    assert shares[-2:] == [1.0, 1.0]
    assert shares == sorted(shares)


def test_a_decay_goes_from_one_to_zero_behind_the_steady_part() -> None:
    schedule = Schedule.of(steps=100, decay_steps=10)
    shares = [schedule.share(step, 0.0) for step in range(99, 112)]
    assert shares[:2] == [1.0, 1.0]
    assert shares[6] == pytest.approx(0.5)
    assert shares[11:] == [0.0, 0.0]
    assert shares == sorted(shares, reverse=True)


def test_minutes_count_and_steps_do_not_where_minutes_are_given() -> None:
    schedule = Schedule.of(minutes=10, decay_minutes=10)
    assert schedule.share(10**6, 9.9) == 1.0
    assert schedule.share(10**6, 15.0) == 0.5
    assert schedule.share(10**6, 20.0) == 0.0


def test_a_decay_alone_begins_at_once() -> None:
    assert Schedule.of(decay_steps=4) == Schedule(Unit.STEPS, 0.0, 4)


def test_a_steady_part_alone_ends_at_once() -> None:
    schedule = Schedule.of(steps=100)
    assert [schedule.share(step, math.nan) for step in (99, 100)] == [1.0, 0.0]


def test_steps_and_minutes_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="both in steps or in minutes"):
        Schedule.of(steps=5, decay_minutes=3)
