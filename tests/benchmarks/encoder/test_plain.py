from __future__ import annotations

import pytest

from benchmarks.encoder import plain


@pytest.fixture
def clock(monkeypatch):
    """Every forward pass takes one second."""
    now = [0.0]

    def encode(processor, tower, files):
        now[0] += 1

    monkeypatch.setattr(plain, "encode", encode)
    monkeypatch.setattr(plain.time, "perf_counter", lambda: now[0])


@pytest.mark.parametrize(
    ("clients", "batch", "seconds", "latencies"),
    [
        (1, 1, 4, [1, 1, 1, 1]),
        (2, 1, 4, [1, 2, 2, 2]),
        (2, 2, 2, [1, 1, 1, 1]),
        (4, 2, 2, [1, 1, 2, 2]),
    ],
)
def test_client_asks_for_its_next_picture_when_it_has_its_last(
    clock, tmp_path, clients, batch, seconds, latencies
):
    file = tmp_path / "file"
    file.touch()
    job = {"files": [str(file)] * 4, "clients": clients, "batch": batch}

    assert plain.answer(None, None, job) == {"seconds": seconds, "latencies_s": latencies}
