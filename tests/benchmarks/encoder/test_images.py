from __future__ import annotations

from benchmarks.encoder import images
from benchmarks.encoder.images import HITS, MISSES, PLAIN_ALONE, PLAIN_BATCHED
from benchmarks.encoder.turn import Case, Turn


def case(name, rate, clients=8):
    return Case(name, clients, [Turn(1 / rate, [1 / rate])])


def test_ratios_are_to_the_better_plain_path():
    cases = [case(MISSES, 6), case(HITS, 80), case(PLAIN_ALONE, 2), case(PLAIN_BATCHED, 4)]

    rows = {row[1]: row for row in images._rows(cases, 8)}

    assert rows[MISSES][3:5] == ["1.50", "at least 1.5"]
    assert rows[HITS][3:5] == ["20.00", "at least 20"]
    assert rows[PLAIN_BATCHED][3:5] == ["1.00", ""]
    assert rows[PLAIN_ALONE][3] == "0.50"


def test_every_round_begins_with_another_and_known_pictures_follow_new_ones():
    groups = [[(MISSES, None), (HITS, None)], [(PLAIN_ALONE, None)], [(PLAIN_BATCHED, None)]]

    orders = [[name for name, _ in images._rotated(groups, by)] for by in range(4)]

    assert [order[0] for order in orders] == [MISSES, PLAIN_ALONE, PLAIN_BATCHED, MISSES]
    assert all(order.index(HITS) == order.index(MISSES) + 1 for order in orders)
