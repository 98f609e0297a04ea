from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.encoder import part
from benchmarks.encoder.part import Options


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(part.time, "monotonic", lambda: now[0])
    return now


def counted(clock, rounds, round_s, seconds):
    numbers = []
    for number in Options(Path(), rounds, [1], 1, seconds).counted_rounds():
        numbers.append(number)
        clock[0] += round_s
    return numbers


def test_all_rounds_count_where_there_is_time(clock):
    assert counted(clock, rounds=3, round_s=10, seconds=100) == [0, 1, 2]


def test_no_round_begins_when_time_is_over(clock):
    assert counted(clock, rounds=9, round_s=10, seconds=25) == [0, 1, 2]


def test_one_round_counts_however_slow_it_is(clock):
    assert counted(clock, rounds=5, round_s=1000, seconds=1) == [0]
