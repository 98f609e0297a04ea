from __future__ import annotations

import asyncio

from sightline_encoder.upload_turns import UploadTurns


async def turns_of_the_loop():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nobody_waits_where_nobody_sends():
    turns = UploadTurns()
    with turns.begin("other"):
        assert not await turns.waited("key")


async def test_all_go_on_when_the_sender_ends_however_it_ends():
    turns = UploadTurns(patience_s=60)
    for end_early in (True, False):
        with turns.begin("key") as turn:
            waiting = [asyncio.create_task(turns.waited("key")) for _ in range(3)]
            await turns_of_the_loop()
            assert not any(task.done() for task in waiting)
            if end_early:
                turn.end()
                assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [True] * 3
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [True] * 3
    assert not turns._latest


async def test_a_sender_that_takes_too_long_is_not_waited_for():
    turns = UploadTurns(patience_s=0.01)
    with turns.begin("key"):
        assert not await turns.waited("key")


async def test_those_who_lost_patience_do_not_all_send():
    turns = UploadTurns(patience_s=0.05)
    num_sending, release = 0, asyncio.Event()

    async def ask():
        nonlocal num_sending
        while await turns.waited("key"):
            pass
        with turns.begin("key"):
            num_sending += 1
            await release.wait()

    tasks = [asyncio.create_task(ask()) for _ in range(20)]
    async with asyncio.timeout(30):
        while num_sending < 2:
            await asyncio.sleep(0.001)
    await turns_of_the_loop()
    assert num_sending == 2, "the next one has a time of patience of its own"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not turns._latest


async def test_an_overtaken_sender_does_not_end_the_latest_ones_turn():
    turns = UploadTurns(patience_s=0.01)
    with turns.begin("key") as first, turns.begin("key"):
        first.end()
        assert not await turns.waited("key")
    assert not turns._latest
