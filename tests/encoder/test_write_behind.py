from __future__ import annotations

import asyncio

import pytest
from sightline_encoder.write_behind import WriteBehind

from tests.encoder.stored import features, key_of


class Writer:
    """Notes what was written, and waits for its gate before each write."""

    def __init__(self):
        self.keys = []
        self.gate = asyncio.Event()

    async def __call__(self, entry):
        await self.gate.wait()
        self.keys.append(entry.key)


@pytest.fixture
async def writer():
    return Writer()


@pytest.fixture
async def queue(writer):
    queue = WriteBehind(writer, max_bytes=100)
    yield queue
    await queue.close(0)


async def turn():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_entries_are_written_in_order_and_none_twice(queue, writer):
    for name in "abab":
        queue.add(features(name))
    writer.gate.set()
    await queue.flush()

    assert writer.keys == [key_of("a"), key_of("b")]
    assert (queue.num_bytes, queue.num_dropped) == (0, 0)


async def test_what_exceeds_the_bound_is_dropped_and_counted(queue, writer):
    for name in range(5):
        queue.add(features(name))
        await turn()
    assert (queue.num_bytes, queue.num_dropped) == (96, 2)

    writer.gate.set()
    await queue.flush()
    queue.add(features("later"))
    await queue.flush()

    assert writer.keys == [key_of(name) for name in (0, 1, 2, "later")]


async def test_discarded_entries_are_not_written(queue, writer):
    for name in "abc":
        queue.add(features(name))
    writer.gate.set()

    await queue.discard([key_of("b")])
    await queue.flush()

    assert writer.keys == [key_of("a"), key_of("c")]


async def test_discarding_waits_for_the_write_that_is_running(queue, writer):
    queue.add(features("a"))
    queue.add(features("b"))
    await turn()
    discarding = asyncio.create_task(queue.discard())
    await turn()
    assert not discarding.done()

    writer.gate.set()
    await discarding
    await queue.flush()

    assert writer.keys == [key_of("a")]
    assert queue.num_bytes == 0


async def test_closing_writes_what_waits(writer):
    queue = WriteBehind(writer, max_bytes=100)
    queue.add(features("a"))
    writer.gate.set()

    await queue.close(10)

    assert (writer.keys, queue.num_dropped) == ([key_of("a")], 0)


async def test_closing_waits_for_a_bounded_time_and_counts_the_rest(writer):
    queue = WriteBehind(writer, max_bytes=100)
    queue.add(features("a"))

    async with asyncio.timeout(10):
        await queue.close(0.01)

    assert (writer.keys, queue.num_dropped) == ([], 1)
