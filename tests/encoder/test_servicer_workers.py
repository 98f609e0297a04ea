"""The served encoder with real worker processes."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from sightline_common.errors import MediaDecoderError
from sightline_encoder.image import MediaLimits
from sightline_encoder.preprocess import load_preprocessor
from sightline_encoder.worker_pool import WorkerPool
from sightline_encoder.worker_process import WorkerLimits

from tests.encoder import deadly, tiny
from tests.encoder.tiny import ask, encoded, forward_count, noise, refusal

DEADLY = b"\xff\xd8\xff" + b"a file that kills its decoder"
ENDLESS = b"\xff\xd8\xff" + b"a file that takes its decoder minutes"


@pytest.fixture
def pool():
    pool = WorkerPool(2, WorkerLimits(256 * 1024**2, timeout_s=600))
    yield pool
    pool.close()


@pytest.fixture
def mark(tmp_path):
    """A file that is there when ENDLESS is being decoded."""
    return tmp_path / "mark"


@pytest.fixture
async def served(tiny_model, pool, mark):
    def decode(decoder, data, options):
        if data == ENDLESS:
            return pool.decode(deadly.DECODER, data, {"act": "wait", "mark": str(mark)})
        if data == DEADLY:
            return pool.decode(deadly.DECODER, data, {"act": "segfault"})
        return pool.decode(decoder, data, options)

    checkpoint = tiny_model.checkpoint
    preprocessor = load_preprocessor(checkpoint, MediaLimits(), 1024 * 1024, decode)
    prepare, abandon = preprocessor.prepare, pool.abandon
    async with tiny.running_encoder(tiny_model, prepare=prepare, abandon=abandon) as running:
        yield running


async def test_features_do_not_depend_on_where_files_are_decoded(served, tiny_model):
    picture = encoded(noise(120, 90))
    async with tiny.running_encoder(tiny_model) as here:
        expected = await ask(here.stub, picture)

    received = await ask(served.stub, picture)

    assert received.payload == expected.payload
    assert received.header.feature_key == expected.header.feature_key


async def test_deadly_picture_is_refused_alone_and_then_at_once(served, pool):
    pictures = [encoded(noise(40, 40, seed)) for seed in range(8)]
    askings = [ask(served.stub, picture) for picture in pictures]

    answers = await asyncio.gather(refusal(ask(served.stub, DEADLY)), *askings)

    status, error = answers[0]
    assert (status, type(error)) == (grpc.StatusCode.INVALID_ARGUMENT, MediaDecoderError)
    assert all(answer.payload for answer in answers[1:])
    assert pool.num_deaths == 2
    await refusal(ask(served.stub, DEADLY))
    assert pool.num_deaths == 2


async def test_departed_asker_does_not_keep_its_worker(served, pool, mark):
    pids = set(pool.pids)
    leaving = asyncio.create_task(ask(served.stub, ENDLESS))
    await tiny.until(mark.exists)
    leaving.cancel()

    await tiny.until(lambda: len(pids & set(pool.pids)) == 1)
    await tiny.until(lambda: not served.uploads.num_bytes)
    assert (await ask(served.stub, encoded(noise(56, 56)))).payload


async def longest_turn_s(served, width):
    """CPU time of the loop's thread in its longest turn while a picture is asked for."""
    asking = asyncio.create_task(ask(served.stub, encoded(noise(width, 2000))))
    longest = 0.0
    while not asking.done():
        before = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - before)
    assert (await asking).payload
    return longest


async def test_event_loop_turns_while_a_worker_is_busy(served):
    # A pass of the garbage collector may fall into one of them, but not into each.
    assert min([await longest_turn_s(served, width) for width in (3000, 2990, 2980)]) < 0.1


async def test_leaving_askers_leave_the_workers_to_the_others(served, pool):
    picture, pids = encoded(noise(1500, 1500)), set(pool.pids)
    leaving = [asyncio.create_task(ask(served.stub, picture)) for _ in range(4)]
    staying = asyncio.create_task(ask(served.stub, picture))
    await tiny.until(lambda: served.encoder.num_waiting > 0)
    for task in leaving:
        task.cancel()

    assert (await staying).payload
    assert await forward_count(served) == 1
    assert set(pool.pids) == pids
