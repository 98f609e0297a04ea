from __future__ import annotations

from pathlib import Path

from benchmarks.encoder import images
from benchmarks.encoder.images import BARS, HITS, MISSES, PLAIN_ALONE, PLAIN_BATCHED
from benchmarks.encoder.part import Options
from benchmarks.encoder.turn import Case, Turn


def case(name, rate, clients=8):
    return Case(name, clients, [Turn(1 / rate, [1 / rate])])


def test_ratios_are_to_the_better_plain_path():
    cases = [case(MISSES, 6), case(HITS, 80), case(PLAIN_ALONE, 2), case(PLAIN_BATCHED, 4)]

    rows = {row[1]: row for row in images._rows(cases, 8, BARS)}

    assert rows[MISSES][3:5] == ["1.50", "at least 1.5"]
    assert rows[HITS][3:5] == ["20.00", "at least 20"]
    assert rows[PLAIN_BATCHED][3:5] == ["1.00", ""]
    assert rows[PLAIN_ALONE][3] == "0.50"


def options(device):
    return Options(Path("model"), 1, [8], 16, device=device)


def test_promises_are_made_for_a_cpu_alone():
    cases = [case(MISSES, 6), case(HITS, 80), case(PLAIN_ALONE, 2)]

    assert "at least 1.5" in images._text(cases, options("cpu"), "native", "sdpa")
    assert "at least" not in images._text(cases, options("cuda"), "sdpa", "sdpa")


def test_beside_a_gpu_towers_are_in_16_bits_and_every_core_decodes(monkeypatch):
    monkeypatch.setattr(images, "cores", lambda: [0, 2, 5])

    assert images.settings(options("cuda")) == {
        "SIGHTLINE_ENCODER_DEVICE": "cuda",
        "SIGHTLINE_ENCODER_DTYPE": "bfloat16",
        "SIGHTLINE_ENCODER_INTAKE_WORKERS": "3",
    }
    assert images.settings(options("cpu")) == {
        "SIGHTLINE_ENCODER_DEVICE": "cpu",
        "SIGHTLINE_ENCODER_DTYPE": "float32",
    }


def test_every_round_begins_with_another_and_known_pictures_follow_new_ones():
    groups = [[(MISSES, None), (HITS, None)], [(PLAIN_ALONE, None)], [(PLAIN_BATCHED, None)]]

    orders = [[name for name, _ in images._rotated(groups, by)] for by in range(4)]

    assert [order[0] for order in orders] == [MISSES, PLAIN_ALONE, PLAIN_BATCHED, MISSES]
    assert all(order.index(HITS) == order.index(MISSES) + 1 for order in orders)
