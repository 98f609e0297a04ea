from __future__ import annotations

import asyncio

import pytest
from sightline_common.errors import MediaUnreadableError, NotReadyError
from sightline_encoder.single_flight import SingleFlight


class Computation:
    """Counts its starts, waits for the gate, then returns or raises."""

    def __init__(self, error=None):
        self.gate = asyncio.Event()
        self.num_starts = 0
        self.num_cancelled = 0
        self._error = error

    async def __call__(self):
        self.num_starts += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.num_cancelled += 1
            raise
        if self._error is not None:
            raise self._error
        return self.num_starts


async def started(flights, computation, count, key="key"):
    tasks = [asyncio.create_task(flights.run(key, computation)) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_askers_of_one_key_share_one_computation():
    flights, computation = SingleFlight(), Computation()
    tasks = await started(flights, computation, 100)
    computation.gate.set()

    assert await asyncio.gather(*tasks) == [1] * 100
    assert len(flights) == 0


async def test_different_keys_are_computed_apart():
    flights, computation = SingleFlight(), Computation()
    tasks = await started(flights, computation, 1, "a")
    tasks += await started(flights, computation, 1, "b")
    computation.gate.set()
    await asyncio.gather(*tasks)

    assert computation.num_starts == 2


@pytest.mark.parametrize("leaving", [0, 1, 2], ids=["leader", "follower", "last follower"])
async def test_one_who_leaves_does_not_disturb_the_others(leaving):
    flights, computation = SingleFlight(), Computation()
    tasks = await started(flights, computation, 3)

    await cancelled(tasks.pop(leaving))
    computation.gate.set()

    assert await asyncio.gather(*tasks) == [1, 1]
    assert computation.num_cancelled == 0


async def test_computation_is_cancelled_when_nobody_waits():
    flights, computation = SingleFlight(), Computation()
    tasks = await started(flights, computation, 2)

    for task in tasks:
        await cancelled(task)
    await asyncio.sleep(0)

    assert computation.num_cancelled == 1
    assert "key" not in flights


async def test_asker_after_a_cancelled_computation_starts_a_new_one():
    flights, computation = SingleFlight(), Computation()
    (left,) = await started(flights, computation, 1)
    left.cancel()

    (task,) = await started(flights, computation, 1)
    computation.gate.set()

    assert await task == 2


async def test_error_reaches_everyone_and_is_forgotten():
    flights = SingleFlight()
    failing = Computation(MediaUnreadableError("broken"))
    tasks = await started(flights, failing, 3)
    failing.gate.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [MediaUnreadableError] * 3
    working = Computation()
    working.gate.set()
    assert await flights.run("key", working) == 1


async def test_joining_waits_for_what_is_running():
    flights, computation = SingleFlight(), Computation()
    (leader,) = await started(flights, computation, 1)
    follower = asyncio.create_task(flights.join("key"))
    await asyncio.sleep(0)

    await cancelled(leader)
    computation.gate.set()

    assert await follower == 1
    with pytest.raises(KeyError):
        await flights.join("key")


async def test_computation_cancelled_from_outside_is_an_error_and_no_silence():
    async def doomed():
        raise asyncio.CancelledError

    with pytest.raises(NotReadyError):
        await SingleFlight().run("key", doomed)
