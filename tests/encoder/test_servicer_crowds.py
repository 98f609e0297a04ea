"""Many askers for one picture, and askers who leave, stall or come too late."""

from __future__ import annotations

import asyncio
import dataclasses

import grpc
import pytest
from grpc import aio
from sightline.type.v1 import media_pb2
from sightline_encoder.lower_tiers import LowerTiers

from tests.encoder import tiny
from tests.encoder.stored import ScriptedStore, features, lower_tier
from tests.encoder.tiny import (
    ask,
    computed_count,
    encoded,
    media_header,
    messages,
    noise,
    refusal,
    split,
    until,
)

NUM_CLIENTS = 100
PICTURE, OTHER = encoded(noise(120, 90)), encoded(noise(120, 90, seed=1))
WHOLE = media_pb2.MediaOptions(max_pixel_count=1024 * 1024)


@pytest.fixture
async def gated(tiny_model):
    """A served encoder whose tower waits for its gate, with room for one upload and a half."""
    tower = tiny.GatedTower(tiny_model.tower)
    model = dataclasses.replace(tiny_model, tower=tower)
    async with tiny.running_encoder(model, upload_bytes=len(PICTURE) * 3 // 2) as running:
        yield running, tower
        tower.gate.set()
        await until(lambda: not running.uploads.num_bytes)
        assert running.encoder.cache.num_pinned == 0


async def begin(served, data):
    """Asks, and sends the file half, as one whose bytes are wanted."""
    call = served.stub.EncodeMedia()
    await call.write(messages(media_header(data), [])[0])
    assert (await call.read()).WhichOneof("payload") == "bytes_wanted"
    await call.write(messages(None, [data[:100]])[0])
    return call


@pytest.mark.parametrize("fields", [{}, {"byte_count": 0}], ids=["size known", "size unknown"])
async def test_a_hundred_clients_send_one_file_and_run_one_pass(gated, fields):
    served, tower = gated
    asking = [asyncio.create_task(ask(served.stub, PICTURE, **fields)) for _ in range(NUM_CLIENTS)]
    await until(lambda: tower.num_begun == 1 and served.encoder.num_waiting == NUM_CLIENTS)
    assert served.uploads.num_bytes == len(PICTURE)
    tower.gate.set()

    answers = await asyncio.wait_for(asyncio.gather(*asking), 60)

    assert len({answer.payload for answer in answers}) == 1
    assert sum(answer.bytes_wanted for answer in answers) == 1
    assert await computed_count(served) == 1


@pytest.fixture
async def narrow(tiny_model):
    """A served encoder where three may wait, whose tower and lower tier have gates; the tier's
    is open.
    """
    tower, store = tiny.GatedTower(tiny_model.tower), ScriptedStore()
    model = dataclasses.replace(tiny_model, tower=tower)
    tiers = LowerTiers([lower_tier(store)])
    async with tiny.running_encoder(model, lower_tiers=tiers, max_waiting=3) as running:
        yield running, tower, store
        tower.gate.set()
        store.gate.set()


async def crowd(served, num_let_in=3):
    """Lets ten ask for the picture; returns those who wait when the others were refused."""
    waiting, refused = {asyncio.create_task(ask(served.stub, PICTURE)) for _ in range(10)}, set()
    while len(waiting) > num_let_in:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        assert done, f"{len(waiting)} wait"
        refused |= done
    failures = [each.exception() for each in refused]
    assert all(failures), "one was let in beyond the bound"
    assert {tiny.error_from_rpc(each).reason for each in failures} == {"QUEUE_FULL"}
    return waiting


async def answered_alike(waiting):
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 60)
    return len({answer.payload for answer in answers}) == 1


async def test_followers_of_a_computation_are_bounded_and_held_features_need_no_place(narrow):
    served, tower, _ = narrow
    tower.gate.set()
    await ask(served.stub, OTHER)
    tower.gate.clear()

    waiting = await crowd(served)

    assert (await ask(served.stub, OTHER)).header.source == media_pb2.FEATURE_SOURCE_MEMORY
    tower.gate.set()
    assert await answered_alike(waiting)


async def test_those_who_wait_for_a_lower_tier_are_bounded(narrow):
    served, tower, store = narrow
    tower.gate.set()
    store.gate.clear()

    waiting = await crowd(served)

    store.gate.set()
    assert await answered_alike(waiting)


async def test_those_who_wait_for_anothers_upload_are_bounded(narrow):
    served, tower, _ = narrow
    tower.gate.set()
    leader = await begin(served, PICTURE)

    waiting = await crowd(served, num_let_in=2)

    leader.cancel()
    assert await answered_alike(waiting)


async def test_readers_of_features_that_were_found_hold_no_place(narrow):
    served, tower, store = narrow
    tower.gate.set()
    key = (await ask(served.stub, PICTURE)).header.feature_key
    store.entries[key] = dataclasses.replace(features(num_bytes=2**23), key=key)
    stalled = [served.stub.EncodeMedia() for _ in range(4)]
    for call in stalled:
        served.encoder.cache.evict()
        await call.write(messages(media_header(PICTURE), [])[0])
        assert (await call.read()).header.source == media_pb2.FEATURE_SOURCE_DISK
    for call in stalled:
        call.cancel()


async def test_a_hundred_clients_are_answered_when_the_leader_leaves_before_the_tower(gated):
    served, tower = gated
    leader = await begin(served, PICTURE)
    asking = [asyncio.create_task(ask(served.stub, PICTURE)) for _ in range(NUM_CLIENTS)]
    tower.gate.set()

    leader.cancel()

    answers = await asyncio.wait_for(asyncio.gather(*asking), 60)
    assert sum(answer.bytes_wanted for answer in answers) == 1, "one other client takes over"
    assert len({answer.payload for answer in answers}) == 1
    assert await computed_count(served) == 1


async def test_a_hundred_clients_are_answered_when_the_leader_leaves_during_the_pass(gated):
    served, tower = gated
    leader = asyncio.create_task(ask(served.stub, PICTURE))
    await until(lambda: tower.num_begun == 1)
    asking = [asyncio.create_task(ask(served.stub, PICTURE)) for _ in range(NUM_CLIENTS)]
    await until(lambda: served.encoder.num_waiting == NUM_CLIENTS + 1)

    leader.cancel()
    await until(lambda: served.encoder.num_waiting == NUM_CLIENTS)
    tower.gate.set()

    answers = await asyncio.wait_for(asyncio.gather(*asking), 60)
    assert not any(answer.bytes_wanted for answer in answers)
    assert await computed_count(served) == 1


async def test_a_leader_that_sends_another_file_is_refused_alone(gated):
    served, tower = gated
    tower.gate.set()
    leader = await begin(served, PICTURE)
    asking = [asyncio.create_task(ask(served.stub, PICTURE)) for _ in range(5)]

    await leader.done_writing()

    _, error = await refusal(tiny.read_all(leader))
    assert error.reason == "MEDIA_DIGEST_MISMATCH"
    assert (
        len({answer.payload for answer in await asyncio.wait_for(asyncio.gather(*asking), 60)}) == 1
    )


async def test_a_leader_that_stalls_is_not_waited_for(served):
    leader = await begin(served, PICTURE)

    answer = await asyncio.wait_for(ask(served.stub, PICTURE), 30)

    assert answer.bytes_wanted
    leader.cancel()
    await until(lambda: not served.uploads.num_bytes)


async def test_a_digest_alone_takes_no_room(gated):
    served, _ = gated
    call = served.stub.EncodeMedia()
    await call.write(messages(media_header(PICTURE, byte_count=0), [])[0])
    await call.read()
    assert served.uploads.num_bytes == 0
    call.cancel()


async def test_files_of_unknown_size_share_the_budget_as_they_come(gated):
    served, tower = gated
    first = await begin(served, OTHER)
    code, error = await refusal(ask(served.stub, PICTURE, byte_count=0))
    first.cancel()
    tower.gate.set()
    assert (code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "QUEUE_FULL")


@pytest.mark.parametrize("sent", [0, 1, 2], ids=["nothing", "the header", "half the file"])
async def test_a_client_that_does_not_go_on_is_ended_and_holds_no_room(tiny_model, sent):
    async with tiny.running_encoder(tiny_model, upload_timeout_s=0.3) as served:
        call = served.stub.EncodeMedia()
        for message in messages(media_header(PICTURE), [PICTURE[:100]])[:sent]:
            await call.write(message)

        code, error = await refusal(tiny.read_all(call))

        assert (code, error.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert served.uploads.num_bytes == 0
        assert (await ask(served.stub, PICTURE)).header.token_count == 12


async def test_readers_that_stop_reading_hold_no_one_up(tiny_model):
    large = encoded(noise(1024, 1024))
    async with tiny.running_encoder(tiny_model) as served:
        first = await ask(served.stub, large, options=WHOLE)
        stalled = [served.stub.EncodeMedia() for _ in range(20)]
        for call in stalled:
            await call.write(messages(media_header(large, options=WHOLE), [])[0])
            assert (await call.read()).WhichOneof("payload") == "header"

        again = await asyncio.wait_for(ask(served.stub, large, options=WHOLE), 30)
        other = await asyncio.wait_for(ask(served.stub, PICTURE), 30)

        assert again.payload == first.payload
        assert other.header.source == media_pb2.FEATURE_SOURCE_COMPUTED
        for call in stalled:
            call.cancel()
        await until(lambda: not served.encoder.cache.num_pinned)


async def queued_behind(served, tower, **options):
    """Returns the call of a picture that waits in the tower's queue, and what ends the pass."""
    running = asyncio.create_task(ask(served.stub, encoded(noise(30, 30))))
    await until(lambda: tower.num_begun == 1)
    call = served.stub.EncodeMedia(**options)
    for message in messages(media_header(PICTURE), split(PICTURE)):
        await call.write(message)
    await call.done_writing()
    await until(lambda: served.encoder._batcher._held_patches > 2 * 2 * 4)
    return call, running


async def test_a_queued_picture_whose_deadline_passes_is_never_encoded(gated):
    served, tower = gated
    call, running = await queued_behind(served, tower, timeout=3)
    with pytest.raises(aio.AioRpcError) as caught:
        await tiny.read_all(call)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: served.encoder.num_waiting == 1)

    tower.gate.set()
    await running

    assert await computed_count(served) == 1


async def test_a_queued_picture_whose_client_leaves_is_never_encoded(gated):
    served, tower = gated
    call, running = await queued_behind(served, tower)
    call.cancel()
    await until(lambda: served.encoder.num_waiting == 1)

    tower.gate.set()
    await running

    assert await computed_count(served) == 1
    assert (await ask(served.stub, PICTURE)).bytes_wanted
