from __future__ import annotations

import gc

import pytest

from tests.encoder.tiny import ask, encoded, noise, until

PICTURE = encoded(noise(56, 56))


def held_calls():
    return sum(type(each).__name__ == "RPCState" for each in gc.get_objects())


@pytest.fixture
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def test_ended_calls_are_freed_without_the_garbage_collector(served, collector_off):
    await ask(served.stub, PICTURE)
    before = held_calls()

    for _ in range(20):
        await ask(served.stub, PICTURE)

    await until(lambda: held_calls() <= before + 2)
