from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sightline.type.v1 import media_pb2
from sightline_common.config import SettingInvalidError
from sightline_encoder.circuit_breaker import FIRST_COOLDOWN_S
from sightline_encoder.feature_record import pack_head, unpack_entry
from sightline_encoder.lower_tier import TIME_LIMIT_S
from sightline_encoder.shared_store import PIECE_BYTES, PREFIX, SharedStore, connect, look_up_s

from tests.clock import Clock
from tests.encoder.redis_server import running_redis, slow_way
from tests.encoder.stored import FINGERPRINT, assert_same, features, key_of, lower_tier

LARGE = 2 * PIECE_BYTES + 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def redis(server):
    async with Redis.from_url(server.url) as client:
        await client.flushall()
        yield client


def open_store(server, timeout_s=5.0, ttl_s=3600):
    return SharedStore(connect(server.url, timeout_s), ttl_s, FINGERPRINT)


async def read(store, key):
    """Reads within the default time, which a busy machine may miss, but not three times."""
    for _ in range(2):
        with suppress(TimeoutError):
            return await store.read(key)
    return await store.read(key)


@pytest.fixture
async def store(server, redis):
    store = open_store(server)
    yield store
    await store.close()


async def test_entry_of_one_encoder_is_read_by_another(server, store):
    await store.write(features(num_bytes=LARGE))

    other = open_store(server)
    assert_same(await read(other, key_of("picture")), features(num_bytes=LARGE))
    await other.close()


async def test_no_value_is_larger_than_a_mebibyte_and_every_one_expires(store, redis):
    await store.write(features(num_bytes=LARGE))

    names = await redis.keys("*")
    assert len(names) == 4
    assert max([await redis.strlen(name) for name in names]) <= 1024**2
    assert all([3000 < await redis.ttl(name) <= 3600 for name in names])


async def test_every_flipped_byte_is_a_miss_and_removes_the_entry(store, redis):
    await store.write(features())
    values = {name: await redis.get(name) for name in await redis.keys("*")}
    assert len(values) == 2
    for name, whole in values.items():
        for position in range(len(whole)):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << position % 8
            await redis.mset({**values, name: bytes(damaged)})

            assert await read(store, key_of("picture")) is None, (name, position)
            assert not await redis.exists(PREFIX + key_of("picture")), (name, position)

    assert store.usage.num_corrupt == sum(map(len, values.values()))


async def test_piece_that_has_gone_is_a_miss_and_no_damage(store, redis):
    await store.write(features(num_bytes=LARGE))
    pieces = [name for name in await redis.keys("*") if b"/" in name]
    await redis.delete(pieces[1])

    assert await read(store, key_of("picture")) is None
    assert store.usage.num_corrupt == 0
    await store.write(features(num_bytes=LARGE))
    assert await read(store, key_of("picture"))


async def keep_as_earlier(redis, entry):
    """Stores an entry under the names, and in the pieces, of the first released form."""
    name = f"sightline:features:{entry.key}"
    payload = b"".join(entry.payload.chunks())
    for start in range(0, len(payload), PIECE_BYTES):
        piece = payload[start : start + PIECE_BYTES]
        await redis.set(f"{name}/{entry.payload.digest}/{start}", piece)
    await redis.set(name, pack_head(entry, FINGERPRINT))


async def test_entry_of_an_earlier_form_is_a_miss_and_stays_until_all_go(store, redis):
    await keep_as_earlier(redis, features(num_bytes=LARGE))
    names = set(await redis.keys("*"))

    assert await read(store, key_of("picture")) is None
    await store.write(features(num_bytes=LARGE))
    assert_same(await read(store, key_of("picture")), features(num_bytes=LARGE))

    assert store.usage.num_corrupt == 0
    assert names < set(await redis.keys("*"))
    assert await store.remove(None) == 2
    assert not await redis.keys("*")


async def test_entry_under_another_key_is_not_served(store, redis):
    await store.write(features("one"))
    await redis.rename(PREFIX + key_of("one"), PREFIX + key_of("other"))

    assert await read(store, key_of("other")) is None


async def test_removal_leaves_nothing_of_an_entry_and_all_of_others(store, redis):
    for name in "ab":
        await store.write(features(name, num_bytes=LARGE))

    assert await store.remove([key_of("a"), key_of("unknown")]) == 1

    names = await redis.keys("*")
    assert len(names) == 4 and all(key_of("b").encode() in name for name in names)


async def test_removal_of_all_leaves_other_users_keys(store, redis):
    await redis.set("other", "value")
    for number in range(1200):
        await store.write(features(number))

    assert await store.remove(None) == 1200

    assert await redis.keys("*") == [b"other"]
    assert store.usage.num_evictions == 1200


async def test_cancelled_reads_leave_no_answer_for_the_next_reader(store):
    for number in range(8):
        await store.write(features(number, num_bytes=50_000))
    for number in range(200):
        cancelled = asyncio.create_task(store.read(key_of(number % 8)))
        for _ in range(number % 12):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])

        found = await read(store, key_of((number + 1) % 8))

        assert_same(found, features((number + 1) % 8, num_bytes=50_000))
    assert store.usage.num_corrupt == 0


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "http://host", "redis://:secret@host:port", "redis://host?unknown=secret"],
)
def test_url_that_is_none_is_refused_without_repeating_it(url):
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_ENCODER_REDIS_URL") as caught:
        connect(url, 1.0)
    assert "secret" not in str(caught.value)


@pytest.fixture
def own_server(tmp_path):
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
async def tier(own_server):
    tier = lower_tier(open_store(own_server, timeout_s=0.5), media_pb2.FEATURE_SOURCE_SHARED)
    await tier.store.write(features())
    yield tier
    await tier.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "black-holed"])
async def test_server_that_is_gone_costs_a_bounded_time(tier, own_server, how):
    own_server.send(how)

    async with asyncio.timeout(10):
        found = await asyncio.gather(*(tier.get(key_of("picture")) for _ in range(100)))
        tier.queue.add(features("new"))
        await tier.queue.flush()

    assert found == [None] * 100
    assert tier.num_bypasses == 101


async def test_server_that_comes_back_is_used_again(own_server):
    clock = Clock()
    store = open_store(own_server, timeout_s=0.5)
    tier = lower_tier(store, media_pb2.FEATURE_SOURCE_SHARED, clock=clock)
    await store.write(features())
    own_server.send(signal.SIGSTOP)
    assert await tier.get(key_of("picture")) is None
    own_server.send(signal.SIGCONT)
    await asyncio.to_thread(own_server.wait_ready)
    clock.now += FIRST_COOLDOWN_S

    assert_same(await tier.get(key_of("picture")), features())
    await tier.close()


async def test_slow_server_costs_one_short_look_up(server, store, tmp_path):
    """No command takes too long, but all of an entry's together do."""
    await store.write(features(num_bytes=LARGE))
    async with slow_way(server, tmp_path, delay_s=0.3) as url:
        slow = SharedStore(connect(url, 5.0), 3600, FINGERPRINT, look_up_s=0.5)
        tier = lower_tier(slow, media_pb2.FEATURE_SOURCE_SHARED)
        began = time.monotonic()
        assert [await tier.get(key_of("picture")) for _ in range(20)] == [None] * 20
        assert time.monotonic() - began < 3
        assert tier.num_bypasses == 20

        patient = SharedStore(connect(url, 5.0), 3600, FINGERPRINT, look_up_s=30)
        assert_same(await patient.read(key_of("picture")), features(num_bytes=LARGE))
        await patient.close()
        await tier.close()


async def test_time_of_a_look_up_grows_with_the_entry(store, server, tmp_path, monkeypatch):
    await store.write(features(num_bytes=LARGE))
    monkeypatch.setattr("sightline_encoder.shared_store.LEAST_RATE", LARGE / 30)
    async with slow_way(server, tmp_path, delay_s=0.08) as url:
        slow = SharedStore(connect(url, 5.0), 3600, FINGERPRINT)
        try:
            await slow.open()
            assert_same(await read(slow, key_of("picture")), features(num_bytes=LARGE))
        finally:
            await slow.close()


@pytest.mark.parametrize("mebibytes", [1, 110, 400])
def test_any_entry_can_be_read_at_a_gigabit_a_second(mebibytes):
    num_bytes = mebibytes * 2**20
    assert num_bytes / 110e6 < min(look_up_s(1.0, num_bytes), TIME_LIMIT_S)


async def test_verifying_is_not_the_stores_time(store, monkeypatch):
    await store.write(features())

    def slowly(*arguments):
        time.sleep(0.6)
        return unpack_entry(*arguments)

    monkeypatch.setattr("sightline_encoder.shared_store.unpack_entry", slowly)
    store = SharedStore(store._client, 3600, FINGERPRINT, look_up_s=0.5)
    assert_same(await read(store, key_of("picture")), features())


async def test_server_that_is_full_can_still_be_read(store, redis):
    await store.write(features("old"))
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError, match="maxmemory"):
            await store.write(features("new"))
        assert_same(await read(store, key_of("old")), features("old"))
    finally:
        await redis.config_set("maxmemory", 0)
