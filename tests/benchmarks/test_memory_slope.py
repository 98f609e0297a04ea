from __future__ import annotations

import asyncio

import pytest

from benchmarks import memory_slope
from benchmarks.memory_slope import Load, soak


@pytest.mark.parametrize(("share", "num_ended"), [(0.0, 40), (1.0, 0)])
async def test_share_of_requests_is_cancelled(monkeypatch, share, num_ended):
    monkeypatch.setattr(memory_slope, "LATEST_CANCEL_S", 0.001)
    monkeypatch.setattr(memory_slope, "started_bytes", lambda: 1)
    ended = []

    async def ask(number):
        await asyncio.sleep(0.01)
        ended.append(number)

    readings = await soak(ask, Load(40, share))

    assert len(ended) == num_ended
    assert sorted(number for number, _ in readings) == list(range(40))
