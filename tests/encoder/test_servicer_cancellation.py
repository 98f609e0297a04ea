from __future__ import annotations

import asyncio
import threading

import grpc
import pytest
from grpc import aio
from sightline.type.v1 import media_pb2
from sightline_encoder.forward_pass import ForwardPass

from tests.encoder import tiny
from tests.encoder.tiny import (
    ask,
    computed_count,
    encoded,
    media_header,
    messages,
    noise,
    refusal,
    until,
)

PICTURE = encoded(noise(120, 90))


async def test_cancelled_upload_leaves_nothing_held(served):
    call = served.stub.EncodeMedia()
    await call.write(messages(media_header(PICTURE), [])[0])
    await call.read()
    await call.write(messages(None, [PICTURE[:100]])[0])
    assert served.uploads.num_bytes == len(PICTURE)

    call.cancel()

    await until(lambda: not served.uploads.num_bytes)
    assert (await ask(served.stub, PICTURE)).header.token_count == 12


async def test_cancelled_download_unpins(tiny_model):
    picture = encoded(noise(1024, 1024))
    options = media_pb2.MediaOptions(max_pixel_count=1024 * 1024)
    async with tiny.running_encoder(tiny_model) as served:
        await ask(served.stub, picture, options=options, header_only=True)
        calls = [served.stub.EncodeMedia() for _ in range(4)]
        for call in calls:
            await call.write(messages(media_header(picture, options=options), [])[0])
            await call.read()
            call.cancel()

        await until(lambda: not served.encoder.cache.num_pinned)
        served.encoder.cache.check_integrity()


@pytest.fixture
async def held_back(tiny_model):
    """A served encoder whose preprocessing waits until `gate` is set."""
    gate, begun = threading.Event(), threading.Event()

    def prepare(data, budget):
        begun.set()
        assert gate.wait(60)
        return tiny_model.preprocessor.prepare(data, budget)

    async with tiny.running_encoder(tiny_model, prepare=prepare) as running:
        yield running, gate, begun
        gate.set()
        assert running.uploads.num_bytes == 0
        assert running.encoder.cache.num_pinned == 0


async def test_cancelled_leader_does_not_disturb_those_who_wait_with_it(held_back):
    served, gate, begun = held_back
    leader = asyncio.create_task(ask(served.stub, PICTURE))
    await asyncio.to_thread(begun.wait, 60)
    followers = [asyncio.create_task(ask(served.stub, PICTURE)) for _ in range(5)]
    await until(lambda: served.encoder.num_waiting == 6)

    leader.cancel()
    await until(lambda: served.encoder.num_waiting == 5)
    gate.set()

    answers = await asyncio.gather(*followers)
    assert not any(answer.bytes_wanted for answer in answers)
    assert len({answer.payload for answer in answers}) == 1
    assert await computed_count(served) == 1


async def test_nothing_is_computed_when_all_askers_have_left(held_back):
    served, gate, begun = held_back
    tasks = [asyncio.create_task(ask(served.stub, PICTURE)) for _ in range(3)]
    await asyncio.to_thread(begun.wait, 60)
    for task in tasks:
        task.cancel()
    await until(lambda: not served.encoder.num_waiting and not served.uploads.num_bytes)
    gate.set()

    await ask(served.stub, encoded(noise(56, 56)))

    assert await computed_count(served) == 1


async def test_deadline_ends_the_work(held_back):
    served, _, begun = held_back
    call = served.stub.EncodeMedia(timeout=2)
    for message in messages(media_header(PICTURE), [PICTURE]):
        await call.write(message)
    await call.done_writing()
    await asyncio.to_thread(begun.wait, 60)

    with pytest.raises(aio.AioRpcError) as caught:
        await tiny.read_all(call)

    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: not served.encoder.num_waiting)


async def test_deadline_ends_what_waits_for_the_tower(tiny_model, monkeypatch):
    """The first picture holds the tower in a layer; the second one is prepared and queued."""
    gate, begun = threading.Event(), threading.Event()
    encode = ForwardPass.advance

    def held_back(self, is_interrupted):
        begun.set()
        assert gate.wait(60)
        return encode(self, is_interrupted)

    monkeypatch.setattr(ForwardPass, "advance", held_back)
    async with tiny.running_encoder(tiny_model) as served:
        first = asyncio.create_task(ask(served.stub, PICTURE))
        await asyncio.to_thread(begun.wait, 60)
        call = served.stub.EncodeMedia(timeout=2)
        other = encoded(noise(56, 56))
        for message in messages(media_header(other), [other]):
            await call.write(message)
        await call.done_writing()
        await until(lambda: served.encoder._batcher.num_waiting == 1)

        with pytest.raises(aio.AioRpcError) as caught:
            await tiny.read_all(call)

        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: served.encoder.num_waiting == 1)
        gate.set()
        assert (await first).header.token_count == 12
        assert await computed_count(served) == 1


async def test_one_picture_may_fail_while_another_is_computed(served):
    results = await asyncio.gather(
        ask(served.stub, PICTURE),
        ask(served.stub, PICTURE[:-20]),
        ask(served.stub, encoded(noise(56, 56))),
        return_exceptions=True,
    )

    assert isinstance(results[1], aio.AioRpcError)
    assert [results[0].header.token_count, results[2].header.token_count] == [12, 4]


async def test_as_many_requests_wait_as_are_allowed_and_no_more(tiny_model):
    small = [encoded(noise(56, 56, seed=seed)) for seed in range(4)]
    async with tiny.running_encoder(tiny_model, max_waiting=2) as served:
        held = small.pop()
        await ask(served.stub, held)
        uploading = [served.stub.EncodeMedia() for _ in range(2)]
        for call, data in zip(uploading, small, strict=False):
            await call.write(messages(media_header(data), [])[0])
            assert (await call.read()).HasField("bytes_wanted")

        code, error = await refusal(ask(served.stub, small[2]))
        known = await ask(served.stub, held)
        uploading[0].cancel()
        await until(lambda: served.uploads.num_bytes == len(small[1]))
        another = await ask(served.stub, small[2])

        uploading[1].cancel()
        assert (code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "QUEUE_FULL")
        assert error.retry_after_s
        assert known.header.token_count == another.header.token_count == 4


async def test_uploads_beyond_the_budget_are_refused_with_a_retry_hint(tiny_model):
    async with tiny.running_encoder(tiny_model, upload_bytes=1000) as served:
        call = served.stub.EncodeMedia()
        await call.write(messages(media_header(PICTURE), [])[0])
        await call.read()
        other = encoded(noise(30, 30, seed=1))

        code, error = await refusal(ask(served.stub, other))

        call.cancel()
        await until(lambda: not served.uploads.num_bytes)
        assert (code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "QUEUE_FULL")
        assert error.retry_after_s
        assert (await ask(served.stub, other)).header.token_count > 0
