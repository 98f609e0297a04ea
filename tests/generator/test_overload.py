"""More than the generator can hold: everything ends well, or at once and with a hint."""

import asyncio
import random
import time
from functools import partial

import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2 as pb
from sightline.generator.v1 import generator_pb2_grpc
from sightline_common.errors import DeadlineError, QueueFullError
from sightline_common.status import error_from_rpc

from tests.generator.running_generator import KV_BYTES, running_generator

pytestmark = pytest.mark.usefixtures("in_both_modes")

NUM_TOKENS = 20
NUM_GROWING_TOKENS = 48
"""Three blocks: more than the one in hand that a running sequence is left at admission."""
PICTURE = b"a picture's bytes"
FEW_BLOCKS = KV_BYTES * 15 // 100
"""Room for five of the requests below."""


def ask(number, num_tokens=NUM_TOKENS):
    parts = [pb.Part(text=f"Question number {number % 7}, if you please: what is there to see?")]
    if number % 3 == 0:
        parts.insert(0, pb.Part(media=pb.Media(data=PICTURE)))
    stop = pb.StopOptions(max_token_count=num_tokens, end_ignored=True)
    message = pb.Message(role=pb.ROLE_USER, parts=parts)
    return pb.GenerateTextRequest(messages=[message], stop=stop, token_ids_wanted=True)


async def outcome(generator, number, cancelled_after=None, num_tokens=NUM_TOKENS):
    """Returns the answer's token ids, None when it was cancelled, or the refusal."""
    call = generator.stub.GenerateText(ask(number, num_tokens))
    ids = []
    try:
        async for response in call:
            ids += response.delta.token_ids
            if cancelled_after is not None and len(ids) >= cancelled_after:
                call.cancel()
                return None
    except aio.AioRpcError as failure:
        return error_from_rpc(failure)
    return ids


def hold_until(generator, reached):
    """Lets the engine rest until then: a fast one would be done before all have come."""

    def wait():
        ends = time.monotonic() + 10
        while not reached() and time.monotonic() < ends:
            time.sleep(0.001)

    generator.engine._command(wait)


async def test_flood_with_cancellations_ends_right_and_every_block_returns(tiny_folder):
    fields = {"max_num_seqs": 8, "queue_limit": 60, "kv_cache_bytes": FEW_BLOCKS}
    async with running_generator(tiny_folder, **fields) as generator:
        ask_long = partial(outcome, generator, num_tokens=NUM_GROWING_TOKENS)
        expected = [await ask_long(number) for number in range(21)]
        chance = random.Random(4)
        plan = [chance.choice([None, None, None, 0, 5, 12]) for _ in range(60)]
        many = len(expected) + 12
        hold_until(generator, lambda: len(generator.submitted) >= many)
        outcomes = await asyncio.gather(
            *(ask_long(number, after) for number, after in enumerate(plan))
        )
        await generator.until_idle()
        generator.engine._engine.scheduler.check_integrity()
    for number, (after, ids) in enumerate(zip(plan, outcomes, strict=True)):
        assert ids == (expected[number % 21] if after is None else None)
    assert sum(sequence.num_preemptions for sequence in generator.submitted) > 0


async def test_excess_is_refused_at_once_with_a_hint_and_the_rest_complete(tiny_folder):
    async with running_generator(tiny_folder, max_num_seqs=2, queue_limit=6) as generator:
        refusals = []

        async def noted(number):
            found = await outcome(generator, number)
            refusals.extend([found] if isinstance(found, QueueFullError) else [])
            return found

        hold_until(generator, lambda: len(refusals) == 12)
        outcomes = await asyncio.gather(*map(noted, range(20)))
        await generator.until_idle()
    assert len(refusals) == 12
    assert all(refused.retry_after_s for refused in refusals)
    assert all(len(found) == NUM_TOKENS for found in outcomes if isinstance(found, list))


async def test_admitted_bytes_are_bounded_and_come_back(tiny_folder):
    async with running_generator(tiny_folder, queue_bytes=2**20) as generator:
        with generator.engine.reserve(2**20 - 10), pytest.raises(QueueFullError):
            generator.engine.reserve(20)
        # Alone, even a larger one is admitted.
        with generator.engine.reserve(2**21), pytest.raises(QueueFullError):
            generator.engine.reserve(1)
        assert len(await outcome(generator, 0)) == NUM_TOKENS


async def test_client_that_never_reads_loses_its_place(tiny_folder):
    async with running_generator(tiny_folder, reader_timeout_s=0.3) as generator:
        narrow = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 0)]
        target = f"127.0.0.1:{generator.port}"
        async with aio.insecure_channel(target, options=narrow) as channel:
            stub = generator_pb2_grpc.GeneratorServiceStub(channel)
            request = ask(1, num_tokens=300)
            request.logprobs.alternative_count = 20
            call = stub.GenerateText(request)
            await call.read()
            await generator.until_idle()
            with pytest.raises(aio.AioRpcError) as caught:
                while True:
                    assert await call.read() is not aio.EOF
        assert isinstance(error_from_rpc(caught.value), DeadlineError)


async def test_requests_with_pictures_wait_their_turn_before_they_hold_features(tiny_folder):
    async with running_generator(tiny_folder, max_num_seqs=1) as generator:
        generator.encoder.release.clear()
        pictures = [asyncio.ensure_future(outcome(generator, number)) for number in (0, 3)]
        while not generator.encoder.headers:
            await asyncio.sleep(0.001)
        # Text passes by, and only one of the two has asked.
        assert len(await outcome(generator, 1)) == NUM_TOKENS
        assert len(generator.encoder.headers) == 1
        generator.encoder.release.set()
        assert [len(ids) for ids in await asyncio.gather(*pictures)] == [NUM_TOKENS] * 2
        await generator.until_idle()
