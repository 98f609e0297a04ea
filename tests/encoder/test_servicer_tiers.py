"""Three tiers behind the servicer: a real folder and a real Redis."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_encoder.config import EncoderSettings
from sightline_encoder.loaded_model import model_fingerprint
from sightline_encoder.loading import open_lower_tiers
from sightline_encoder.lower_tiers import LowerTiers

from tests.encoder import tiny
from tests.encoder.redis_server import running_redis
from tests.encoder.stored import ScriptedStore, lower_tier
from tests.encoder.tiny import ask, encoded, forward_count, noise, until

PICTURE = encoded(noise(120, 90))
COMPUTED = media_pb2.FEATURE_SOURCE_COMPUTED
MEMORY = media_pb2.FEATURE_SOURCE_MEMORY
DISK = media_pb2.FEATURE_SOURCE_DISK
SHARED = media_pb2.FEATURE_SOURCE_SHARED


@asynccontextmanager
async def started(model, *, cache_bytes=2**24, **settings):
    """Runs an encoder with the tiers that its settings name; a slow machine breaks no timeout."""
    settings = {"redis_timeout_s": 10.0, **settings}
    fingerprint = model_fingerprint(model)
    async with (
        open_lower_tiers(EncoderSettings(**settings), fingerprint) as lower_tiers,
        tiny.running_encoder(model, cache_bytes, lower_tiers=lower_tiers) as running,
    ):
        yield running


async def flush(running):
    for tier in running.encoder.lower_tiers.tiers:
        await tier.queue.flush()


async def statistics_of(running):
    response = await running.stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())
    return {tier.tier: tier for tier in response.tiers}


async def evict(running, *keys):
    return await running.stub.EvictFeatures(encoder_pb2.EvictFeaturesRequest(feature_keys=keys))


@pytest.fixture
def server(tmp_path):
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def disk(tmp_path):
    return {"disk_cache_dir": str(tmp_path / "cache")}


async def test_after_a_restart_the_disk_answers_with_the_same_bytes(tiny_model, disk):
    async with started(tiny_model, **disk) as running:
        first = await ask(running.stub, PICTURE)
    async with started(tiny_model, **disk) as running:
        second = await ask(running.stub, PICTURE)
        third = await ask(running.stub, PICTURE)

        assert await forward_count(running) == 0
    assert not second.bytes_wanted
    assert [answer.header.source for answer in (first, second, third)] == [COMPUTED, DISK, MEMORY]
    assert first.payload == second.payload == third.payload
    for volatile in ("source", "encode_time"):
        first.header.ClearField(volatile)
        second.header.ClearField(volatile)
    assert first.header == second.header


async def test_damaged_file_is_computed_again(tiny_model, disk, tmp_path):
    async with started(tiny_model, **disk) as running:
        first = await ask(running.stub, PICTURE)
    (path,) = (tmp_path / "cache").glob("*.features")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    async with started(tiny_model, **disk) as running:
        second = await ask(running.stub, PICTURE)
        statistics = await statistics_of(running)

    assert second.header.source == COMPUTED
    assert second.payload == first.payload
    assert statistics[DISK].corrupt_count == 1


async def test_second_encoder_answers_from_the_shared_tier_without_a_pass(tiny_model, server):
    async with (
        started(tiny_model, redis_url=server.url) as one,
        started(tiny_model, redis_url=server.url) as two,
    ):
        first = await ask(one.stub, PICTURE)
        await flush(one)
        second = await ask(two.stub, PICTURE)

        assert second.header.source == SHARED and not second.bytes_wanted
        assert second.payload == first.payload
        assert await forward_count(two) == 0


async def test_salts_are_apart_in_every_tier(tiny_model, server, disk):
    async with started(tiny_model, redis_url=server.url, **disk) as running:
        await ask(running.stub, PICTURE, salt="one")
    async with started(tiny_model, redis_url=server.url, **disk) as running:
        other = await ask(running.stub, PICTURE, salt="two")

        assert other.header.source == COMPUTED and other.bytes_wanted


async def test_corrupted_redis_value_is_computed_again(tiny_model, server):
    async with started(tiny_model, redis_url=server.url) as running:
        first = await ask(running.stub, PICTURE)
    async with Redis.from_url(server.url) as client:
        for name in await client.keys("*/*"):
            await client.setrange(name, 5, b"damage")
    async with started(tiny_model, redis_url=server.url) as running:
        second = await ask(running.stub, PICTURE)

    assert second.header.source == COMPUTED
    assert second.payload == first.payload


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "black-holed"])
async def test_redis_that_goes_away_fails_no_request(tiny_model, server, how):
    async with started(tiny_model, redis_url=server.url, redis_timeout_s=0.5) as running:
        await ask(running.stub, PICTURE)
        await flush(running)
        before = (await statistics_of(running))[SHARED].bypass_count
        server.send(how)
        async with asyncio.timeout(20):
            again = await ask(running.stub, PICTURE)
            others = [await ask(running.stub, encoded(noise(30, 30, seed=n))) for n in range(5)]
            await flush(running)
        statistics = await statistics_of(running)
        eviction = await evict(running)

    assert again.header.source == MEMORY
    assert [answer.header.source for answer in others] == [COMPUTED] * 5
    assert statistics[SHARED].bypass_count - before == 10
    assert list(eviction.unreached_tiers) == [SHARED]


async def test_full_disk_fails_no_request(tiny_model, full_folder):
    large = encoded(noise(336, 336))
    async with started(tiny_model, disk_cache_dir=str(full_folder)) as running:
        first = await ask(running.stub, large)
        await flush(running)
        second = await ask(running.stub, large)
        other = await ask(running.stub, PICTURE)
        statistics = await statistics_of(running)

    answers = (first, second, other)
    assert [answer.header.source for answer in answers] == [COMPUTED, MEMORY, COMPUTED]
    assert statistics[DISK].bypass_count >= 1


async def test_encoder_starts_without_its_redis_and_its_folder(tiny_model, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    settings = {
        "redis_url": f"unix://{tmp_path}/nobody.sock",
        "disk_cache_dir": str(blocked / "cache"),
    }
    async with started(tiny_model, **settings) as running:
        first = await ask(running.stub, PICTURE)
        second = await ask(running.stub, PICTURE)

    assert [first.header.source, second.header.source] == [COMPUTED, MEMORY]


async def test_eviction_leaves_no_tier_that_answers(tiny_model, server, disk):
    async with started(tiny_model, redis_url=server.url, **disk) as running:
        first = await ask(running.stub, PICTURE)
        await ask(running.stub, encoded(noise(30, 30)))
        await flush(running)

        one = await evict(running, first.header.feature_key, "unknown")
        assert one.evicted_count == 3
        assert (await ask(running.stub, PICTURE)).header.source == COMPUTED
        await flush(running)

        assert (await evict(running)).evicted_count == 6
        statistics = await statistics_of(running)
    assert [statistics[tier].eviction_count for tier in (MEMORY, DISK, SHARED)] == [3, 3, 3]
    assert statistics[DISK].byte_count == statistics[MEMORY].byte_count == 0


async def test_statistics_tell_the_tiers_apart(tiny_model, server, disk):
    async with started(tiny_model, redis_url=server.url, **disk) as running:
        for _ in range(3):
            await ask(running.stub, PICTURE)
        await flush(running)
        running.encoder.cache.evict()
        await ask(running.stub, PICTURE)
        statistics = await statistics_of(running)
        total = await running.stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())

    assert [(tier.hit_count, tier.entry_count) for tier in statistics.values()] == [
        (2, 1),
        (1, 1),
        (0, 0),
    ]
    assert list(statistics) == [MEMORY, DISK, SHARED]
    assert statistics[DISK].byte_count == 4096
    assert statistics[DISK].max_byte_count == 16 * 1024**3
    assert not statistics[SHARED].HasField("entry_count")
    saved = [tier.saved_time.ToNanoseconds() for tier in statistics.values()]
    assert saved[0] > saved[1] > saved[2] == 0
    assert total.saved_time.ToNanoseconds() == pytest.approx(sum(saved), abs=2)


@pytest.fixture
async def stores():
    return [ScriptedStore(), ScriptedStore()]


@pytest.fixture
async def held_back(tiny_model, stores):
    """An encoder over scripted stores whose preprocessing waits until `gate` is set."""
    gate, begun = threading.Event(), threading.Event()

    def prepare(data, budget):
        begun.set()
        assert gate.wait(10)
        return tiny_model.preprocessor.prepare(data, budget)

    tiers = LowerTiers([lower_tier(stores[0], DISK), lower_tier(stores[1], SHARED)])
    async with tiny.running_encoder(tiny_model, prepare=prepare, lower_tiers=tiers) as running:
        yield running, gate, begun
        gate.set()
    await tiers.close()


async def test_hundred_askers_of_a_new_key_share_look_up_and_computation(held_back, stores):
    running, gate, begun = held_back
    for store in stores:
        store.gate.clear()
    askers = [asyncio.create_task(ask(running.stub, PICTURE)) for _ in range(100)]
    await until(lambda: running.encoder.num_waiting == 100 and stores[0].num_reads)
    askers.pop(0).cancel()
    await until(lambda: running.encoder.num_waiting == 99)
    for store in stores:
        store.gate.set()
    await until(lambda: begun.is_set() and running.encoder.num_waiting == 99)
    askers.pop(0).cancel()
    await until(lambda: running.encoder.num_waiting == 98)
    gate.set()

    answers = await asyncio.gather(*askers)

    assert len({answer.payload for answer in answers}) == 1
    assert await forward_count(running) == 1
    assert [store.num_reads for store in stores] == [1, 1]
    await flush(running)
    assert [store.num_writes for store in stores] == [1, 1]


async def test_hundred_askers_of_a_kept_key_share_one_read(held_back, stores):
    running, gate, _ = held_back
    gate.set()
    first = await ask(running.stub, PICTURE)
    await flush(running)
    running.encoder.cache.evict()
    stores[0].num_reads = 0
    stores[0].gate.clear()
    askers = [asyncio.create_task(ask(running.stub, PICTURE)) for _ in range(100)]
    await until(lambda: running.encoder.num_waiting == 100)
    askers.pop(0).cancel()
    await until(lambda: running.encoder.num_waiting == 99)
    stores[0].gate.set()

    answers = await asyncio.gather(*askers)

    assert {answer.payload for answer in answers} == {first.payload}
    assert {answer.header.source for answer in answers} == {DISK}
    assert stores[0].num_reads == 1
    assert await forward_count(running) == 1
