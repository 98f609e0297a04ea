from __future__ import annotations

import asyncio

import pytest
from sightline.type.v1 import media_pb2
from sightline_encoder import lower_tier as lower_tier_module
from sightline_encoder.circuit_breaker import FIRST_COOLDOWN_S
from sightline_encoder.lower_tiers import LowerTiers

from tests.clock import Clock
from tests.encoder.stored import ScriptedStore, features, key_of, lower_tier
from tests.encoder.tiny import until

DISK, SHARED = media_pb2.FEATURE_SOURCE_DISK, media_pb2.FEATURE_SOURCE_SHARED


@pytest.fixture
async def disk():
    return ScriptedStore()


@pytest.fixture
async def shared():
    return ScriptedStore()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def tiers(disk, shared, clock):
    tiers = LowerTiers(
        [lower_tier(disk, DISK, clock=clock), lower_tier(shared, SHARED, clock=clock)]
    )
    yield tiers
    await tiers.close()


async def flush(tiers):
    for tier in tiers.tiers:
        await tier.queue.flush()


async def found_in(tiers, name="picture"):
    found = await tiers.find(key_of(name))
    return found and found[0].source


async def test_computed_entries_go_to_every_tier(tiers, disk, shared):
    tiers.keep(features())
    await flush(tiers)

    assert list(disk.entries) == list(shared.entries) == [key_of("picture")]


async def test_the_fastest_tier_that_has_an_entry_answers(tiers, disk, shared):
    tiers.keep(features())
    await flush(tiers)

    assert await found_in(tiers) == DISK
    assert shared.num_reads == 0


async def test_hit_is_promoted_to_the_tiers_above_and_to_no_other(tiers, disk, shared):
    await shared.write(features())

    assert await found_in(tiers) == SHARED
    await flush(tiers)

    assert list(disk.entries) == [key_of("picture")]
    assert shared.num_writes == 1
    assert await found_in(tiers) == DISK


def hold_writes_back(store):
    """Makes a store's writes, and nothing else, wait for the event that is returned."""
    gate, write = asyncio.Event(), store.write

    async def held_back(entry):
        await gate.wait()
        await write(entry)

    store.write = held_back
    return gate


async def test_answer_does_not_wait_for_writes(tiers, disk, shared):
    await shared.write(features())
    gate = hold_writes_back(disk)

    assert await found_in(tiers) == SHARED
    gate.set()


@pytest.mark.parametrize("error", [OSError("disk"), RuntimeError("bug"), TimeoutError()])
async def test_store_that_fails_is_bypassed_and_the_next_one_answers(tiers, disk, shared, error):
    await shared.write(features())
    disk.error = error

    assert [await found_in(tiers) for _ in range(3)] == [SHARED] * 3

    assert disk.num_reads == 1
    assert tiers.tiers[0].num_bypasses >= 3


async def test_store_that_recovers_is_used_again(tiers, disk, clock):
    await disk.write(features())
    disk.error = OSError("gone")
    assert await found_in(tiers) is None
    disk.error = None
    assert await found_in(tiers) is None

    clock.now += FIRST_COOLDOWN_S

    assert await found_in(tiers) == DISK


async def test_store_that_cannot_be_written_can_be_read(tiers, disk):
    await disk.write(features("old"))
    disk.error = OSError("No space left on device")
    tiers.keep(features("new"))
    await flush(tiers)
    disk.error = None

    assert await found_in(tiers, "old") == DISK


async def test_store_that_hangs_costs_one_time_limit(tiers, disk, shared, monkeypatch):
    monkeypatch.setattr(lower_tier_module, "TIME_LIMIT_S", 0.02)
    await shared.write(features())
    disk.gate.clear()

    async with asyncio.timeout(10):
        assert [await found_in(tiers) for _ in range(50)] == [SHARED] * 50

    assert disk.num_reads == 1


async def test_those_who_queue_for_a_hanging_store_do_not_wait_in_turn(tiers, disk, monkeypatch):
    monkeypatch.setattr(lower_tier_module, "TIME_LIMIT_S", 0.02)
    disk.gate.clear()

    async with asyncio.timeout(10):
        await asyncio.gather(*(tiers.find(key_of(number)) for number in range(100)))

    assert disk.num_reads == lower_tier_module.SLOTS


async def test_eviction_reaches_every_tier(tiers):
    for name in "abc":
        tiers.keep(features(name))
    await flush(tiers)

    some = await tiers.evict([key_of("a"), key_of("unknown")])
    rest = await tiers.evict()

    assert (some.num_entries, rest.num_entries) == (2, 4)
    assert [await found_in(tiers, name) for name in "abc"] == [None] * 3


async def test_eviction_names_the_tiers_that_it_could_not_reach(tiers, shared):
    tiers.keep(features())
    await flush(tiers)
    shared.error = OSError("gone")

    eviction = await tiers.evict()

    assert (eviction.num_entries, eviction.unreached) == (1, (SHARED,))


async def test_entry_that_waits_to_be_written_is_evicted_too(tiers, disk):
    gate = hold_writes_back(disk)
    tiers.keep(features("running"))
    tiers.keep(features("waiting"))
    evicting = asyncio.create_task(tiers.evict())
    for _ in range(10):
        await asyncio.sleep(0)
    gate.set()
    await evicting
    await flush(tiers)

    assert disk.entries == {}


async def test_look_up_that_an_eviction_overtakes_finds_nothing(tiers, disk, shared):
    await shared.write(features())
    shared.gate.clear()
    looking = asyncio.create_task(found_in(tiers))
    await until(lambda: shared.num_reads)
    evicting = asyncio.create_task(tiers.evict())
    await asyncio.sleep(0)
    shared.gate.set()

    assert await looking is None
    await evicting
    await flush(tiers)
    assert disk.entries == {} and shared.entries == {}


async def test_closing_flushes_and_closes_the_stores(disk, shared):
    tiers = LowerTiers([lower_tier(disk), lower_tier(shared)])
    tiers.keep(features())

    await tiers.close()

    assert disk.entries and shared.entries
    assert disk.is_closed and shared.is_closed
