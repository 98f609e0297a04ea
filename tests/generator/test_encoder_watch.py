import asyncio
import logging
from contextlib import asynccontextmanager

import pytest
from sightline_common.config import SettingInvalidError
from sightline_common.errors import ModelMismatchError
from sightline_generator import encoder_targets
from sightline_generator.encoder_member import EncoderStatus

from tests.generator.encoder_pools import pool_of, serving_all, until, watch_of
from tests.generator.scripted_encoder import FINGERPRINT, ScriptedEncoder, make_ready, serving

OTHER = "sha256:other"


@pytest.fixture
def family(tiny_ours):
    return tiny_ours.family


@asynccontextmanager
async def watched(family, *encoders):
    """Yields a pool over encoders, and its watch."""
    async with (
        serving_all(*encoders) as servers,
        pool_of(family, *(server.port for server in servers)) as pool,
    ):
        yield pool, watch_of(pool)


def statuses(pool):
    return [member.status.value for member in pool.members.values()]


async def test_start_waits_until_an_encoder_is_ready(family):
    encoder = ScriptedEncoder()
    async with serving(encoder, ready=False) as server, pool_of(family, server.port) as pool:
        waiting = asyncio.ensure_future(watch_of(pool).wait_until_ready())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await make_ready(server, encoder)
        await asyncio.wait_for(waiting, 20)
        assert statuses(pool) == ["available"]


async def test_start_needs_one_of_several(family):
    async with serving(ScriptedEncoder()) as server, pool_of(family, 1, server.port) as pool:
        await watch_of(pool).wait_until_ready()
        assert statuses(pool) == ["lost", "available"]


async def test_start_beside_something_that_is_no_encoder_is_refused(family):
    async with (
        serving(ScriptedEncoder(), ready=False) as server,
        pool_of(family, server.port) as pool,
    ):
        await server.set_ready(lambda _grpc_server: None)
        with pytest.raises(SettingInvalidError, match="SIGHTLINE_ENCODER_TARGET"):
            await watch_of(pool).wait_until_ready()


async def test_start_with_another_checkpoint_names_both(family):
    async with serving(ScriptedEncoder(OTHER)) as server, pool_of(family, server.port) as pool:
        with pytest.raises(ModelMismatchError) as caught:
            await watch_of(pool).wait_until_ready()
    assert OTHER in caught.value.message
    assert FINGERPRINT in caught.value.message


async def test_encoder_of_another_checkpoint_is_left_out_and_said_loudly_once(family, caplog):
    async with watched(family, ScriptedEncoder(), ScriptedEncoder(OTHER)) as (pool, watch):
        await watch.wait_until_ready()
        await watch.look()
        assert statuses(pool) == ["available", "misfit"]
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert OTHER in said[0].fields["reason"] and FINGERPRINT in said[0].fields["reason"]


async def test_left_out_encoder_comes_in_when_it_fits(family):
    encoder = ScriptedEncoder(OTHER)
    async with watched(family, ScriptedEncoder(), encoder) as (pool, watch):
        await watch.look()
        encoder.fingerprint = FINGERPRINT
        await watch.look()
        assert statuses(pool) == ["available", "available"]


async def test_lost_encoder_comes_back(family):
    encoder = ScriptedEncoder()
    async with serving(encoder) as server, pool_of(family, server.port) as pool:
        watch = watch_of(pool)
        await watch.look()
        server._readiness.close_gate()
        await watch.look()
        assert statuses(pool) == ["lost"]
        server._readiness.open_gate()
        await watch.look()
        assert statuses(pool) == ["available"]


async def test_one_silence_is_forgiven(family):
    encoder = ScriptedEncoder()
    async with serving(encoder) as server, pool_of(family, server.port) as pool:
        watch = watch_of(pool)
        await watch.look()
        for _ in range(3):
            encoder.hearing.clear()
            await watch.look()
            assert statuses(pool) == ["available"]
            encoder.hearing.set()
            await watch.look()


async def test_encoders_whose_features_differ_are_told_apart_once(family, caplog):
    other = ScriptedEncoder(feature_fingerprint="sha256:bfloat16")
    async with watched(family, ScriptedEncoder(), other) as (_, watch):
        await watch.look()
        await watch.look()
    assert caplog.text.count("different features") == 1


async def test_new_addresses_of_a_name_are_noticed_and_old_ones_let_go(family, monkeypatch):
    found = []

    async def look_up(_host, _port):
        return tuple(found)

    monkeypatch.setattr(encoder_targets, "_look_up", look_up)
    async with serving_all(ScriptedEncoder(), ScriptedEncoder()) as servers:
        addresses = [f"127.0.0.1:{server.port}" for server in servers]
        async with pool_of(family) as pool:
            watch = watch_of(pool, "dns:///encoder:1")
            found[:] = addresses[:1]
            await watch.wait_until_ready()
            async with watch.watching():
                found[:] = addresses
                await until(lambda: len(pool.available) == 2)
                found[:] = addresses[1:]
                await until(lambda: list(pool.members) == addresses[1:])
            assert pool.members[addresses[1]].status is EncoderStatus.AVAILABLE


async def test_watch_survives_its_own_failures(family, monkeypatch, caplog):
    async with serving(ScriptedEncoder()) as server, pool_of(family, server.port) as pool:
        watch = watch_of(pool)
        monkeypatch.setattr(watch._targets, "addresses", failing_once(watch._targets.addresses))
        async with watch.watching():
            await until(lambda: pool.available)
    assert "watching encoders failed" in caplog.text


def failing_once(function):
    calls = []

    async def call():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("broken")
        return await function()

    return call
