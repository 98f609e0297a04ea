"""Several scripted encoders behind one pool."""

import asyncio
import dataclasses
import socket
from contextlib import asynccontextmanager

import pytest
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    EncoderUnavailableError,
    EngineFailedError,
    InternalError,
    MediaUnreadableError,
    ModelMismatchError,
    QueueFullError,
)
from sightline_generator.encoder_member import EncoderStatus
from sightline_generator.families.base import MediaKind
from sightline_generator.media import BytesWantedError, Medium
from sightline_generator.rendezvous import ranked

from tests.generator.encoder_pools import pool_of, serving_all, until, watch_of
from tests.generator.scripted_encoder import (
    ScriptedEncoder,
    feature_header,
    features,
    has_features,
)
from tests.generator.test_encoder_client import raising


@pytest.fixture
def family(tiny_ours):
    return tiny_ours.family


@pytest.fixture
def encoders():
    return [ScriptedEncoder(), ScriptedEncoder(), ScriptedEncoder()]


def medium(seed=0):
    data = f"file {seed}".encode() * 1000
    options = media_pb2.MediaOptions()
    return Medium(MediaKind.IMAGE, sha256_digest(data), data, options, "media")


def without_bytes(medium):
    return dataclasses.replace(medium, data=None)


class Trio:
    """A watched pool over three encoders, which are known by their place in a medium's order."""

    def __init__(self, pool, servers, encoders):
        self.pool = pool
        self.servers = dict(zip(pool.members, servers, strict=True))
        self.encoders = dict(zip(pool.members, encoders, strict=True))
        self.watch = watch_of(pool)

    def names(self, medium):
        return ranked(medium.digest, self.pool.members)

    def in_order(self, medium):
        """Returns the encoders: owner, second, third."""
        return [self.encoders[name] for name in self.names(medium)]

    def uploads(self):
        return [upload for encoder in self.encoders.values() for upload in encoder.uploads]


@asynccontextmanager
async def trio_of(family, encoders, **options):
    async with serving_all(*encoders) as servers:
        ports = [server.port for server in servers]
        async with pool_of(family, *ports, **options) as pool:
            trio = Trio(pool, servers, encoders)
            await trio.watch.look()
            yield trio


@pytest.fixture
async def trio(family, encoders):
    async with trio_of(family, encoders) as running:
        yield running


async def test_owner_computes_and_is_asked_alone_later(trio):
    for seed in range(10):
        await trio.pool.encode(medium(seed))
        owner, second, third = trio.in_order(medium(seed))
        assert owner.uploads[-1] == medium(seed).data
        assert medium(seed).data not in second.uploads + third.uploads
    asked = sum(len(encoder.headers) for encoder in trio.encoders.values())
    for seed in range(10):
        assert (await trio.pool.encode(without_bytes(medium(seed)))).features is not None
    assert sum(len(encoder.headers) for encoder in trio.encoders.values()) == asked + 10


async def test_second_owner_is_asked_on_a_miss_and_spares_the_upload(trio):
    asked = medium()
    owner, second, third = trio.in_order(asked)
    second.known.add(asked.digest)
    assert has_features(await trio.pool.encode(without_bytes(asked)))
    assert [len(each.headers) for each in (owner, second, third)] == [1, 1, 0]
    assert not trio.uploads()


async def test_nobody_having_it_without_bytes_says_so_after_two(trio):
    asked = without_bytes(medium())
    with pytest.raises(BytesWantedError):
        await trio.pool.encode(asked)
    assert [len(each.headers) for each in trio.in_order(asked)] == [1, 1, 0]


async def test_many_askers_of_a_new_medium_meet_at_one_encoder(trio):
    for encoder in trio.encoders.values():
        encoder.release.clear()
    asking = [asyncio.create_task(trio.pool.encode(medium())) for _ in range(20)]
    owner, second, third = trio.in_order(medium())
    await until(lambda: len(owner.headers) == 20 and owner.uploads)
    for encoder in trio.encoders.values():
        encoder.release.set()
    await asyncio.gather(*asking)
    assert not second.uploads + third.uploads


async def test_load_beyond_the_bound_goes_to_others(family, encoders):
    async with trio_of(family, encoders, load_factor=1.0) as trio:
        for encoder in encoders:
            encoder.release.clear()
        seeds = [s for s in range(200) if trio.in_order(medium(s))[0] is encoders[0]][:6]
        asking = [asyncio.create_task(trio.pool.encode(medium(seed))) for seed in seeds]
        await until(lambda: len(trio.uploads()) == len(seeds))
        assert [len(encoder.uploads) for encoder in encoders] == [2, 2, 2]
        for encoder in encoders:
            encoder.release.set()
        await asyncio.gather(*asking)
        # Where load led them is where they are found.
        for seed in seeds:
            await trio.pool.encode(without_bytes(medium(seed)))
        assert len(trio.uploads()) == len(seeds)


async def test_encoder_that_dies_while_computing_is_replaced_at_once(trio):
    owner = trio.in_order(medium())[0]
    owner.release.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    await until(lambda: owner.uploads)
    await trio.servers[trio.names(medium())[0]].stop()
    assert has_features(await asking)
    assert len(trio.uploads()) == 2


async def test_lost_encoder_loses_its_own_share_only(trio):
    for seed in range(20):
        await trio.pool.encode(medium(seed))
    lost = trio.names(medium())[0]
    await trio.servers[lost].stop()
    await trio.watch.look()
    before = len(trio.uploads())
    for seed in range(20):
        await trio.pool.encode(medium(seed))
    share = [seed for seed in range(20) if trio.names(medium(seed))[0] == lost]
    assert len(trio.uploads()) - before == len(share) < 20


async def test_medium_that_ends_its_encoders_is_given_to_two_at_most(trio):
    for name, server in trio.servers.items():
        die_on_upload(trio.encoders[name], server)
    with pytest.raises(EncoderUnavailableError):
        await trio.pool.encode(medium())
    assert len(trio.uploads()) == 2


def die_on_upload(encoder, server):
    async def stop():
        await server.stop()

    def answer():
        encoder.dying = asyncio.ensure_future(stop())
        raise asyncio.CancelledError

    encoder.answer = answer


async def test_draining_encoder_is_passed_over(trio):
    trio.servers[trio.names(medium())[0]]._readiness.close_gate()
    assert (await trio.pool.encode(medium())).num_tokens == 6
    owner, second, _ = trio.in_order(medium())
    assert (owner.uploads, second.uploads) == ([], [medium().data])


async def test_silent_encoder_is_broken_off_at_its_second_silence(trio):
    owner = trio.in_order(medium())[0]
    owner.hearing.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    impatient = watch_of(trio.pool, timeout_s=1)
    await impatient.look()
    assert not asking.done()
    await impatient.look()
    assert has_features(await asking)
    assert not owner.uploads
    owner.hearing.set()


@pytest.fixture
def mute():
    """The address of something that takes connections and says nothing on them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield "127.0.0.1:{1}".format(*listening.getsockname())


async def asked_in_vain(trio, mute):
    """Takes on a mute encoder; returns a running question that waits to be connected to it."""
    trio.pool.set_addresses([*trio.pool.members, mute])
    trio.pool.members[mute].found_available("")
    owned = next(each for each in map(medium, range(1000)) if trio.names(each)[0] == mute)
    asking = asyncio.create_task(trio.pool.encode(owned))
    await until(lambda: trio.pool.members[mute].client._exchanges)
    return asking


async def test_silent_encoder_without_a_connection_is_broken_off(trio, mute):
    asking = await asked_in_vain(trio, mute)
    impatient = watch_of(trio.pool, timeout_s=1)
    await impatient.look()
    await impatient.look()
    assert has_features(await asking)


@pytest.mark.parametrize("num_turns", range(8))
async def test_encoder_that_is_broken_off_at_any_moment_is_replaced(trio, num_turns):
    asking = asyncio.create_task(trio.pool.encode(medium()))
    for _ in range(num_turns):
        await asyncio.sleep(0)
    trio.pool.members[trio.names(medium())[0]].client.break_off("It is lost.")
    assert has_features(await asking)


async def test_encoder_without_a_connection_that_is_no_longer_named_is_replaced(
    trio, mute, monkeypatch
):
    monkeypatch.setattr("sightline_generator.encoder_pool.CLOSE_GRACE_S", 0.05)
    asking = await asked_in_vain(trio, mute)
    trio.pool.set_addresses([name for name in trio.pool.members if name != mute])
    assert has_features(await asking)


async def test_closing_ends_what_waits_for_an_encoder_that_is_no_longer_named(trio, mute):
    asking = await asked_in_vain(trio, mute)
    trio.pool.set_addresses([name for name in trio.pool.members if name != mute])
    await asyncio.sleep(0)
    await trio.pool.close()
    async with asyncio.timeout(5):
        with pytest.raises(EncoderUnavailableError):
            await asking


async def test_helper_that_is_not_waited_for_is_broken_off_with_the_others(trio, mute, monkeypatch):
    monkeypatch.setattr("sightline_generator.encoder_pool.HELPER_TIMEOUT_S", 0.05)
    trio.pool.set_addresses([*trio.pool.members, mute])
    trio.pool.members[mute].found_available("")
    helped = next(each for each in map(medium, range(1000)) if trio.names(each)[1] == mute)
    owner = trio.encoders[trio.names(helped)[0]]
    owner.release.clear()
    asking = asyncio.create_task(trio.pool.encode(helped))
    await until(lambda: owner.uploads)
    trio.pool.members[mute].client.break_off("It is silent.")
    owner.release.set()
    assert has_features(await asking)


async def test_silent_helper_does_not_hold_up_its_owner(trio, monkeypatch):
    monkeypatch.setattr("sightline_generator.encoder_pool.HELPER_TIMEOUT_S", 0.1)
    owner, second, _ = trio.in_order(medium())
    second.hearing.clear()
    await trio.pool.encode(medium())
    assert owner.uploads == [medium().data]
    second.hearing.set()


async def test_full_encoder_is_helped_and_all_full_says_when_to_return(trio):
    owner, second, third = trio.in_order(medium())
    owner.answer = raising(QueueFullError("full", retry_after_s=3.0))
    await trio.pool.encode(medium())
    assert second.uploads == [medium().data]
    for encoder in (owner, second, third):
        encoder.answer = raising(QueueFullError("full", retry_after_s=3.0))
    with pytest.raises(QueueFullError) as caught:
        await trio.pool.encode(medium())
    assert caught.value.retry_after_s == 3.0


async def test_refused_medium_is_not_tried_elsewhere(trio):
    owner, second, third = trio.in_order(medium())
    owner.answer = raising(MediaUnreadableError("cut off"))
    with pytest.raises(MediaUnreadableError):
        await trio.pool.encode(medium())
    assert not second.uploads + third.uploads


async def test_corrupt_features_are_computed_elsewhere(trio):
    owner, second, _ = trio.in_order(medium())
    header = feature_header(features(), payload_checksum="xxh3:" + "0" * 32)
    owner.answer = lambda: (header, features())
    assert has_features(await trio.pool.encode(medium()))
    assert second.uploads == [medium().data]


async def test_encoder_that_changes_its_checkpoint_is_left_out(trio, caplog):
    owner, second, _ = trio.in_order(medium())
    owner.fingerprint = "sha256:other"
    assert has_features(await trio.pool.encode(medium()))
    assert second.uploads == [medium().data]
    assert "encoder left out" in caplog.text
    assert trio.pool.members[trio.names(medium())[0]].status is EncoderStatus.MISFIT


async def test_only_misfits_is_said_to_the_caller(trio):
    for encoder in trio.encoders.values():
        encoder.fingerprint = "sha256:other"
    await trio.watch.look()
    with pytest.raises(ModelMismatchError):
        await trio.pool.encode(medium())


async def test_encoder_that_comes_back_gets_its_share_again(trio, family):
    name = trio.names(medium())[0]
    trio.pool.members[name].found_lost("test")
    await trio.watch.look()
    await trio.pool.encode(medium())
    assert trio.in_order(medium())[0].uploads


async def test_cancelled_asker_leaves_no_load_behind(trio):
    owner = trio.in_order(medium())[0]
    owner.release.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    await until(lambda: owner.uploads)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not trio.pool._placements.loads.total()
    assert not any(member.client._exchanges for member in trio.pool.members.values())
    owner.release.set()


async def test_encoder_that_is_no_longer_named_ends_what_it_began(trio):
    owner = trio.in_order(medium())[0]
    owner.release.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    await until(lambda: owner.uploads)
    trio.pool.set_addresses(trio.names(medium())[1:])
    owner.release.set()
    assert has_features(await asking)
    assert len(trio.uploads()) == 1


async def test_encoder_that_is_no_longer_named_and_does_not_end_is_replaced(trio, monkeypatch):
    monkeypatch.setattr("sightline_generator.encoder_pool.CLOSE_GRACE_S", 0.05)
    owner, second, _ = trio.in_order(medium())
    owner.release.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    await until(lambda: owner.uploads)
    trio.pool.set_addresses(trio.names(medium())[1:])
    assert has_features(await asking)
    assert second.uploads == [medium().data]
    owner.release.set()


async def test_encoder_that_leaves_between_two_questions_is_passed_over(trio):
    owner, second, _ = trio.in_order(medium())
    owner.hearing.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    name = trio.names(medium())[1]
    await until(lambda: trio.pool.members[trio.names(medium())[0]].client._exchanges)
    trio.pool.set_addresses(set(trio.pool.members) - {name})
    owner.hearing.set()
    assert has_features(await asking)
    assert (owner.uploads, second.headers) == ([medium().data], [])


@pytest.mark.parametrize("error", [EngineFailedError("sick"), InternalError("bug")])
async def test_encoder_that_fails_by_itself_is_replaced(trio, error):
    owner, second, _ = trio.in_order(medium())
    owner.answer = raising(error)
    assert has_features(await trio.pool.encode(medium()))
    assert second.uploads == [medium().data]


async def test_picture_on_which_all_fail_is_given_to_two_at_most(trio):
    for encoder in trio.encoders.values():
        encoder.answer = raising(EngineFailedError("sick"))
    with pytest.raises(EngineFailedError):
        await trio.pool.encode(medium())
    assert len(trio.uploads()) == 2


async def test_single_encoder_is_not_given_twice_what_it_failed_on(family):
    encoder = ScriptedEncoder(answer=raising(EngineFailedError("sick")))
    async with serving_all(encoder) as (server,), pool_of(family, server.port) as pool:
        with pytest.raises(EngineFailedError):
            await pool.encode(medium())
    assert len(encoder.uploads) == 1


async def test_encoder_that_hangs_but_answers_probes_is_replaced_in_time(family, encoders):
    async with trio_of(family, encoders, timeout_s=5) as trio:
        owner, second, _ = trio.in_order(medium())
        owner.release.clear()
        assert has_features(await trio.pool.encode(medium()))
        assert (owner.uploads, second.uploads) == ([medium().data], [medium().data])
        await trio.watch.look()
        assert trio.pool.members[trio.names(medium())[0]].status is EncoderStatus.AVAILABLE
        owner.release.set()


async def test_single_encoder_has_all_the_time_there_is(family):
    encoder = ScriptedEncoder()
    async with serving_all(encoder) as (server,), pool_of(family, server.port) as pool:
        await pool.encode(medium())
    assert encoder.times_left[0] > 0.9 * 60


async def test_needless_question_ends_without_being_cancelled(trio):
    """grpc keeps memory for every call that is cancelled."""
    owner, second, _ = trio.in_order(medium())
    owner.release.clear()
    asking = asyncio.create_task(trio.pool.encode(medium()))
    await until(lambda: owner.uploads and second.endings)
    owner.release.set()
    await asking
    assert second.endings == ["half-closed"]
