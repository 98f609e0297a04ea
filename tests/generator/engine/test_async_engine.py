import asyncio
from contextlib import asynccontextmanager

import pytest
from sightline_common.errors import (
    DeadlineError,
    EngineFailedError,
    NotReadyError,
    PromptTooLongError,
    QueueFullError,
)
from sightline_generator.engine.async_engine import AsyncEngine

from tests.generator.harness import generated, run_to_end, user

pytestmark = pytest.mark.usefixtures("in_both_modes")

TIMEOUT_S = 20


@asynccontextmanager
async def running(engine, queue_limit=4, on_death=None, **options):
    async_engine = AsyncEngine(engine, queue_limit, **options)
    async_engine.start(on_death)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield async_engine
    finally:
        await async_engine.stop()


async def until(condition):
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.001)


async def tokens_of(stream):
    return [token async for update in stream.updates() for token in update.token_ids]


def make(ours, text="Hello", max_tokens=10):
    return ours.sequence(ours.prompt([user(text)]), max_tokens=max_tokens)


def expected_tokens(ours, text="Hello"):
    engine = ours.engine()
    sequence = make(ours, text)
    engine.add(sequence)
    run_to_end(engine)
    return generated(sequence)


async def test_streams_deliver_every_token_of_their_own_sequence(tiny_ours):
    texts = ["Hello", "你好", "What?", "x"]
    async with running(tiny_ours.engine()) as engine:
        streams = [engine.submit(make(tiny_ours, text)) for text in texts]
        answers = await asyncio.gather(*map(tokens_of, streams))
    assert answers == [expected_tokens(tiny_ours, text) for text in texts]


async def test_slow_consumer_gets_merged_updates_and_loses_nothing(tiny_ours):
    async with running(tiny_ours.engine()) as engine:
        stream = engine.submit(make(tiny_ours))
        await until(lambda: any(update.ended for update in stream._pending.values()))
        updates = [update async for update in stream.updates()]
    assert len(updates) == 1
    assert updates[0].token_ids == expected_tokens(tiny_ours)


async def test_cancel_returns_all_blocks(tiny_ours):
    async with running(tiny_ours.engine()) as engine:
        sequence = make(tiny_ours, max_tokens=3000)
        stream = engine.submit(sequence)
        await anext(stream.updates())
        assert engine.load.num_free_blocks < engine.load.num_blocks
        engine.cancel(sequence)
        await until(lambda: engine.load.num_free_blocks == engine.load.num_blocks)
        assert engine.load.num_running == 0


async def test_full_engine_refuses_with_a_retry_hint_until_a_slot_is_released(tiny_ours):
    async with running(tiny_ours.engine(max_num_seqs=1), queue_limit=1) as engine:
        with engine.reserve():
            with engine.reserve(), pytest.raises(QueueFullError) as caught:
                engine.reserve()
            with engine.reserve():
                assert engine.load.num_waiting == 2
    assert caught.value.retry_after_s


async def test_expired_sequence_is_not_computed(tiny_ours):
    now = [100.0]
    inner = tiny_ours.engine()
    async with running(inner, clock=lambda: now[0]) as engine:
        with pytest.raises(DeadlineError):
            await tokens_of(engine.submit(make(tiny_ours), deadline=99.0))
    assert inner._runner.logits == {}


async def test_deadline_ends_a_running_sequence_after_what_it_brought(tiny_ours):
    now = [100.0]
    async with running(tiny_ours.engine(), clock=lambda: now[0]) as engine:
        stream = engine.submit(make(tiny_ours, max_tokens=3000), deadline=101.0)
        received = []
        with pytest.raises(DeadlineError):
            async for update in stream.updates():
                received += update.token_ids
                now[0] = 102.0 if received else now[0]
        await until(lambda: engine.load.num_free_blocks == engine.load.num_blocks)
    assert received


async def test_what_can_never_fit_is_refused_through_the_stream(tiny_ours):
    async with running(tiny_ours.engine(num_blocks=2)) as engine:
        with pytest.raises(PromptTooLongError):
            await tokens_of(engine.submit(make(tiny_ours, "x " * 60)))


async def test_unexpected_failure_ends_what_runs_and_not_the_thread(tiny_ours):
    inner = tiny_ours.engine()
    schedule = inner.scheduler.schedule
    failures = iter([RuntimeError("injected")])

    def fails_once():
        for error in failures:
            raise error
        return schedule()

    inner.scheduler.schedule = fails_once
    async with running(inner) as engine:
        with pytest.raises(EngineFailedError):
            await tokens_of(engine.submit(make(tiny_ours)))
        assert await tokens_of(engine.submit(make(tiny_ours))) == expected_tokens(tiny_ours)


async def test_stop_ends_running_sequences_with_not_ready(tiny_ours):
    async with running(tiny_ours.engine()) as engine:
        stream = engine.submit(make(tiny_ours, max_tokens=3000))
        await anext(stream.updates())
    with pytest.raises(NotReadyError):
        await tokens_of(stream)


async def test_sequence_that_comes_after_the_end_is_refused_too(tiny_ours):
    async with running(tiny_ours.engine()) as engine:
        pass
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(NotReadyError):
            await tokens_of(engine.submit(make(tiny_ours)))


async def test_sequence_that_was_not_yet_added_ends_with_the_engine(tiny_ours):
    async_engine = AsyncEngine(tiny_ours.engine(), queue_limit=4)
    async_engine._stopping = True
    stream = async_engine.submit(make(tiny_ours))
    async_engine.start()
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(NotReadyError):
            await tokens_of(stream)


async def test_sequence_that_ended_in_a_broken_step_is_told(tiny_ours):
    inner = tiny_ours.engine()
    sequence = make(tiny_ours)

    def ends_and_breaks():
        inner.scheduler.finish(sequence)
        raise RuntimeError("injected")

    inner.step = ends_and_breaks
    async with running(inner) as engine:
        with pytest.raises(EngineFailedError):
            await tokens_of(engine.submit(sequence))


def break_for_good(engine):
    def fail(*_arguments):
        raise RuntimeError("injected")

    engine.step = engine.fail_all = fail


async def test_dead_engine_ends_every_request_and_reports_its_death(tiny_ours):
    inner = tiny_ours.engine()
    deaths = []
    async with running(inner, on_death=deaths.append) as engine:
        streams = [engine.submit(make(tiny_ours, max_tokens=3000)) for _ in range(2)]
        await anext(streams[0].updates())
        break_for_good(inner)
        for stream in streams:
            with pytest.raises(EngineFailedError):
                await tokens_of(stream)
        with pytest.raises(EngineFailedError):
            await tokens_of(engine.submit(make(tiny_ours)))
        await until(lambda: deaths)
    assert [type(death) for death in deaths] == [EngineFailedError]


async def test_load_bounds_what_waits_beside_what_runs(tiny_ours):
    async with running(tiny_ours.engine(max_num_seqs=1), queue_limit=1) as engine:
        with engine.reserve(), engine.reserve():
            assert engine.load.num_waiting == engine.load.max_waiting == 2
            stream = engine.submit(make(tiny_ours, max_tokens=3000))
            await anext(stream.updates())
            assert engine.load.num_waiting == engine.load.max_waiting == 1
