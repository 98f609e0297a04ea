"""Answers that were cut off and go on in the same message."""

from __future__ import annotations

import asyncio

import httpx2
from sightline.generator.v1 import generator_pb2

from tests.web.chat.talk import HTMX, ask, message_ids, settled, shown
from tests.web.fakes import FakeGenerator, complete, delta, says, started

LENGTH = generator_pb2.FINISH_REASON_LENGTH


async def cut_off(client: httpx2.AsyncClient, generator: FakeGenerator) -> tuple[str, str]:
    """Returns the page of a conversation whose answer reached its length, and its id."""
    generator.enqueue([started(), delta("Once upon "), complete(2, LENGTH)])
    location = (await ask(client)).headers["location"]
    body = await settled(client, location)
    return location, message_ids(body)[-1]


async def test_answer_goes_on_in_the_same_message(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    location, answer_id = await cut_off(client, generator)
    generator.enqueue([started(), delta(" a time."), complete(3)])
    response = await client.post(f"/m/{answer_id}/continue")
    assert response.headers["location"] == f"{location}#m-{answer_id}"
    body = await settled(client, location)
    assert "Once upon a time." in body
    assert "5 tokens" in body
    assert message_ids(body)[-1] == answer_id
    assert "/continue" not in body
    request = generator.requests[-1]
    assert request.continue_final_message
    assert request.messages[-1].role == generator_pb2.ROLE_ASSISTANT
    assert request.messages[-1].parts[0].text == "Once upon"
    assert not generator.requests[0].continue_final_message


async def test_htmx_gets_the_running_message(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    _, answer_id = await cut_off(client, generator)
    generator.enqueue([started(), asyncio.Event()])
    body = (await client.post(f"/m/{answer_id}/continue", headers=HTMX)).text
    assert message_ids(body) == [answer_id]
    assert f'hx-sse:connect="/m/{answer_id}/stream"' in body
    assert "Once upon" in body
    again = await client.post(f"/m/{answer_id}/continue", headers=HTMX)
    assert again.status_code == 409
    await client.post(f"/m/{answer_id}/stop")


async def test_stopped_thinking_goes_on_in_the_thinking(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta(reasoning="Let me"), asyncio.Event()])
    location = (await ask(client)).headers["location"]
    body = await shown(client, location, "Let me")
    answer_id = message_ids(body)[-1]
    await client.post(f"/m/{answer_id}/stop")
    assert "/continue" in (await client.get(location)).text
    generator.enqueue([started(), delta(reasoning=" see."), delta("Yes."), complete(4)])
    await client.post(f"/m/{answer_id}/continue")
    body = await settled(client, location)
    assert "Let me see." in body and "Yes." in body
    last = generator.requests[-1].messages[-1]
    assert (last.reasoning, list(last.parts)) == ("Let me", [])


async def test_only_the_last_answer_that_was_cut_off_goes_on(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    location, first_id = await cut_off(client, generator)
    generator.enqueue(says("All of it."))
    await ask(client, "And?", f"{location}/messages")
    body = await settled(client, location)
    assert "/continue" not in body
    num_requests = len(generator.requests)
    for message_id in message_ids(body):
        response = await client.post(f"/m/{message_id}/continue")
        assert response.status_code == 422, message_id
    assert (await client.post(f"/m/{'0' * 32}/continue")).status_code == 404
    assert len(generator.requests) == num_requests
    assert first_id in body
