from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future

import pytest
from sightline_common.errors import MediaUnreadableError
from sightline_encoder import intake as intake_module
from sightline_encoder.frame_sampling import FrameSampling
from sightline_encoder.intake import Intake, is_small
from sightline_encoder.pixel_budget import FrameBudget, PixelBudget

from tests.encoder.tiny import encoded, noise, prepared, until

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
        assert self.gate.wait(60)
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


async def test_file_whose_asker_left_is_abandoned_and_keeps_its_slot_until_it_ends(monkeypatch):
    monkeypatch.setattr(intake_module, "LEFT_GRACE_S", 0.01)
    gated, abandoned = GatedPrepare(), asyncio.Event()
    intake = Intake(gated, look, 1, abandon=lambda data: data == b"left" and abandoned.set())
    leaving = asyncio.create_task(prepare(intake, b"left"))
    await until(lambda: gated.running)
    leaving.cancel()
    staying = asyncio.create_task(prepare(intake))
    await asyncio.wait_for(abandoned.wait(), 60)
    assert (gated.num_calls, intake._executor._work_queue.qsize()) == (1, 0)

    gated.gate.set()

    assert (await staying).num_patches == 4
    intake.close()


async def test_file_that_ends_soon_after_its_asker_left_is_not_abandoned(monkeypatch):
    monkeypatch.setattr(intake_module, "LEFT_GRACE_S", 60)
    gated, abandoned = GatedPrepare(), []
    intake = Intake(gated, look, 1, abandon=abandoned.append)
    leaving = asyncio.create_task(prepare(intake))
    await until(lambda: gated.running)
    leaving.cancel()
    gated.gate.set()

    await prepare(intake)

    timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
    assert not [timer for timer in timers if timer._callback == abandoned.append]
    assert not abandoned
    intake.close()


async def test_refusal_frees_the_slot():
    def refuse(data, budget):
        raise MediaUnreadableError("broken")

    intake = Intake(refuse, look, 1)
    for _ in range(3):
        with pytest.raises(MediaUnreadableError):
            await prepare(intake)
    intake.close()


LARGE, SMALL = encoded(noise(1600, 900), "JPEG"), encoded(noise(64, 48))


async def test_small_pictures_pass_while_large_ones_hold_every_slot():
    gate = threading.Event()

    def hold_large(data, budget):
        assert data == SMALL or gate.wait(60)
        return prepared(2, 2)

    intake = Intake(hold_large, look, 2)
    large = [asyncio.create_task(prepare(intake, LARGE)) for _ in range(5)]
    await asyncio.sleep(0)

    try:
        for _ in range(3):
            await asyncio.wait_for(prepare(intake, SMALL), 30)
        assert not any(task.done() for task in large)
    finally:
        gate.set()
        await asyncio.gather(*large)
        intake.close()


async def test_small_pictures_pass_while_large_ones_wait_for_the_tower():
    intake = Intake(lambda data, budget: prepared(2, 2), look, 2)
    async with intake.prepared(LARGE, BUDGET), intake.prepared(LARGE, BUDGET):
        await asyncio.wait_for(prepare(intake, SMALL), 30)
    intake.close()


@pytest.mark.parametrize(
    ("data", "budget", "small"),
    [
        (SMALL, BUDGET, True),
        (LARGE, BUDGET, False),
        (SMALL, PixelBudget(2**21, 2**21), False),
        (SMALL, FrameBudget(BUDGET, FrameSampling("glm4v", 2.0, 300.0, 2)), False),
        (SMALL + bytes(2**20), BUDGET, False),
        (b"no picture", BUDGET, False),
    ],
    ids=["small", "large", "shown large", "video", "many bytes", "unknown"],
)
def test_what_is_small(data, budget, small):
    assert is_small(data, budget) is small
