"""Pieces that arrive at once, and clients that leave."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest

from tests.web.fakes import FakeGenerator, complete, delta, says, started
from tests.web.openai.test_routes import URL, ask


@pytest.mark.parametrize("stream", [False, True])
async def test_client_that_leaves_before_start_cancels_the_generator(
    web: httpx2.AsyncClient, generator: FakeGenerator, stream: bool
) -> None:
    generator.enqueue([asyncio.Event()])
    asking = asyncio.create_task(web.post(URL, json=ask(stream=stream)))
    await asyncio.wait_for(generator.asked.wait(), 10)
    asking.cancel()
    await asyncio.wait_for(generator.cancelled.wait(), 5)


async def test_client_that_leaves_a_stream_cancels_the_generator(
    web: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta("A"), asyncio.Event()])
    async with web.stream("POST", URL, json=ask(stream=True)) as response:
        async for line in response.aiter_lines():
            if '"content":"A"' in line:
                break
    await asyncio.wait_for(generator.cancelled.wait(), 5)


async def test_pieces_arrive_before_the_answer_is_complete(
    web: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("A"), gate, delta("B"), complete()])
    async with web.stream("POST", URL, json=ask(stream=True)) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if '"content":"A"' in line:
                gate.set()
            if line == "data: [DONE]":
                break
    assert generator.cancelled_count == 0


async def test_line_breaks_of_unicode_do_not_cut_an_event(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    words = "a\x85b\u2028c\u2029d"
    generator.enqueue(says(words))
    response = await client.post(URL, json=ask(stream=True))
    lines = [line for line in response.text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert json.loads(lines[1].removeprefix("data: "))["choices"][0]["delta"]["content"] == words


async def test_answer_that_does_not_start_is_an_error_and_closed(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([delta("A"), complete()])
    response = await client.post(URL, json=ask(stream=True))
    assert response.status_code == 500
    assert generator.cancelled_count == 1
