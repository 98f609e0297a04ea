from __future__ import annotations

import pytest

from benchmarks.encoder.turn import Case, Turn, metered, ratio


def case(*rates):
    return Case("any", 1, [Turn(10 / rate, [0.1] * 10) for rate in rates])


def test_rate_is_the_median_of_the_rounds():
    assert case(5, 100, 7).images_per_s == pytest.approx(7)


def test_ratio_compares_turns_of_the_same_round():
    # Medians of the sides alone would say 10.
    assert ratio(case(10, 20, 300), case(5, 2, 30)) == pytest.approx(10)
    assert ratio(case(10, 20, 300), case(5, 20, 300)) == pytest.approx(1)


def test_slowest_picture_of_all_rounds_is_p99_of_few():
    slow = Case("any", 1, [Turn(1, [0.1, 0.9]), Turn(1, [0.2, 0.3])])

    assert slow.p99_s == 0.9


def test_turn_is_charged_what_its_processes_used_meanwhile(monkeypatch):
    used = iter([10.0, 13.0])
    monkeypatch.setattr("benchmarks.encoder.turn.tree_cpu_s", lambda pid: next(used))

    turn = metered(7, lambda: Turn(1, [0.1, 0.2]))

    assert turn.cpu_s_per_image == 1.5
