from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from sightline_encoder.fair_slots import SMALL_SLOTS, FairSlots


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_large_files_never_take_the_last_slot():
    slots = FairSlots(2)
    large = [asyncio.create_task(slots.acquire(is_small=False)) for _ in range(4)]
    await turns()
    assert [task.done() for task in large] == [True, True, False, False]

    small = await asyncio.wait_for(slots.acquire(is_small=True), 5)

    slots.release(small)
    await turns()
    assert not large[2].done(), "a slot for small files is no large file's"
    slots.release(large[0].result())
    slots.release(large[1].result())
    await asyncio.gather(*large)


async def test_small_files_leave_large_ones_their_slots():
    slots = FairSlots(1)
    await slots.acquire(is_small=True)
    await asyncio.wait_for(slots.acquire(is_small=False), 5)


async def test_small_files_use_all_slots_when_they_are_free():
    slots = FairSlots(2)
    for _ in range(2 + SMALL_SLOTS):
        await asyncio.wait_for(slots.acquire(is_small=True), 5)


async def test_large_files_are_not_overtaken_for_ever():
    slots = FairSlots(1)
    held = [await slots.acquire(is_small=True), await slots.acquire(is_small=True)]
    large = asyncio.create_task(slots.acquire(is_small=False))
    await turns()
    later = [asyncio.create_task(slots.acquire(is_small=True)) for _ in range(3)]
    await turns()

    any_slot = next(slot for slot in held if not slot.is_for_small)
    slots.release(any_slot)
    await turns()

    assert large.done()
    assert not any(task.done() for task in later)
    for task in later:
        task.cancel()


@given(
    steps=st.lists(st.sampled_from(["small", "large", "release", "cancel", "late"]), max_size=40)
)
def test_slots_are_neither_lost_nor_given_twice(steps):
    async def run():
        slots, tasks = FairSlots(2), []
        for step in steps:
            held = [task for task in tasks if task.done() and not task.cancelled()]
            waiting = [task for task in tasks if not task.done()]
            if step in ("small", "large"):
                acquiring = slots.acquire(is_small=step == "small")
                tasks.append(asyncio.create_task(acquiring))
            elif step == "release" and held:
                tasks.remove(held[0])
                slots.release(held[0].result())
            elif waiting:
                waiting[0].cancel()
            if step != "late":  # a slot may come and the asker leave in the same turn
                await turns()
            held = [t.result() for t in tasks if t.done() and not t.cancelled()]
            assert len({id(slot) for slot in held}) == len(held) <= 2 + SMALL_SLOTS
        await turns()
        for task in tasks:
            if not task.done():
                task.cancel()
            elif not task.cancelled():
                slots.release(task.result())
        await turns()
        assert len(slots._free) == 2 + SMALL_SLOTS

    asyncio.run(run())
