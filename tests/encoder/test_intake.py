from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future

import pytest
from sightline_common.errors import MediaUnreadableError
from sightline_encoder.intake import Intake
from sightline_encoder.preprocess import PixelBudget

from tests.encoder.tiny import prepared

BUDGET = PixelBudget(1, 2)


def look(data, budget):
    raise AssertionError("nothing is compared here")


class GatedPrepare:
    """Counts how many run at once and holds them."""

    def __init__(self):
        self.gate = threading.Event()
        self.running = 0
        self.most = 0
        self.num_calls = 0
        self._lock = threading.Lock()

    def __call__(self, data, budget):
        with self._lock:
            self.num_calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.gate.wait(10)
        with self._lock:
            self.running -= 1
        return prepared(2, 2)


async def prepare(intake, data=b"x"):
    async with intake.prepared(data, BUDGET) as image:
        return image


async def test_no_more_files_than_workers_are_prepared_at_once():
    gated = GatedPrepare()
    intake = Intake(gated, look, 2)
    tasks = [asyncio.create_task(prepare(intake)) for _ in range(6)]
    await asyncio.sleep(0)
    gated.gate.set()
    await asyncio.gather(*tasks)
    intake.close()

    assert gated.num_calls == 6
    assert gated.most <= 2


class InlineExecutor(Executor):
    """Runs everything at once, so that only the slots can hold it back."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


async def test_slot_is_kept_until_the_patches_are_handed_on():
    gated = GatedPrepare()
    gated.gate.set()
    intake = Intake(gated, look, 1, InlineExecutor())
    async with intake.prepared(b"a", BUDGET):
        other = asyncio.create_task(prepare(intake))
        for _ in range(5):
            await asyncio.sleep(0)
        assert gated.num_calls == 1
    await other
    intake.close()

    assert gated.num_calls == 2


async def test_event_loop_turns_while_a_file_is_prepared():
    gated = GatedPrepare()
    intake = Intake(gated, look, 1)
    task = asyncio.create_task(prepare(intake))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()

    gated.gate.set()

    assert (await task).prepare_s > 0
    intake.close()


async def test_refusal_frees_the_slot():
    def refuse(data, budget):
        raise MediaUnreadableError("broken")

    intake = Intake(refuse, look, 1)
    for _ in range(3):
        with pytest.raises(MediaUnreadableError):
            await prepare(intake)
    intake.close()
