"""Answers while they run: watched, stopped, interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.records import MessageStatus

from tests.web.chat.talk import HTMX, ask, message_ids, settled, shown
from tests.web.fakes import FakeGenerator, complete, delta, started
from tests.web.servers import build_app, lifespan, running_server


async def test_second_question_waits_for_the_first_answer(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), gate, complete()])
    location = (await ask(client)).headers["location"]
    response = await ask(client, "Now?", f"{location}/messages", headers=HTMX)
    assert response.status_code == 409
    gate.set()


async def test_question_sent_twice_is_asked_once(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    location = (await ask(client)).headers["location"]
    await settled(client, location)
    generator.enqueue([started(), asyncio.Event()])

    async def slow_form() -> AsyncIterator[bytes]:
        yield b"text=Now"
        await ask(client, "Now?", f"{location}/messages")
        yield b"?"

    form = {"content-type": "application/x-www-form-urlencoded"}
    response = await client.post(f"{location}/messages", content=slow_form(), headers=form)
    assert response.status_code == 409
    assert (await client.get(location)).text.count("hx-ignore>Now?<") == 1


async def test_running_answer_refreshes_only_without_scripts(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), gate, complete()])
    location = (await ask(client)).headers["location"]
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in (await client.get(location)).text
    gate.set()
    assert refresh not in await settled(client, location)


async def test_stream_grows_then_replaces_the_message_and_closes(
    web: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("One "), gate, delta("two."), complete(2)])
    location = (await ask(web)).headers["location"]
    message_id = message_ids((await web.get(location)).text)[-1]
    seen = ""
    async with web.stream("GET", f"/m/{message_id}/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            seen += line + "\n"
            if "One" in line:
                gate.set()
    assert seen.index("One") < seen.index("One two.") < seen.index("event: done")
    assert f'<hx-partial hx-target="#m-{message_id}" hx-swap="outerHTML">' in seen


async def test_stream_of_finished_message_closes_at_once(client: httpx2.AsyncClient) -> None:
    location = (await ask(client)).headers["location"]
    message_id = message_ids(await settled(client, location))[-1]
    response = await client.get(f"/m/{message_id}/stream")
    assert response.text.endswith("event: done\ndata: 1\n\n")
    assert "outerHTML" in response.text


async def test_leaving_the_stream_does_not_end_the_answer(
    web: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("One "), gate, delta("two."), complete(2)])
    location = (await ask(web)).headers["location"]
    message_id = message_ids((await web.get(location)).text)[-1]
    async with web.stream("GET", f"/m/{message_id}/stream") as response:
        async for line in response.aiter_lines():
            if "One" in line:
                break
    gate.set()
    assert "One two." in await settled(web, location)
    assert generator.cancelled_count == 0


@pytest.mark.parametrize("headers", [{}, HTMX])
async def test_stop_cancels_the_call_and_keeps_what_arrived(
    client: httpx2.AsyncClient, generator: FakeGenerator, headers: dict[str, str]
) -> None:
    generator.enqueue([started(), delta("Half an"), asyncio.Event()])
    location = (await ask(client)).headers["location"]
    body = await shown(client, location, "Half an")
    response = await client.post(f"/m/{message_ids(body)[-1]}/stop", headers=headers)
    assert response.status_code == (200 if headers else 303)
    body = (await client.get(location)).text
    assert generator.cancelled_count == 1
    assert "Half an" in body
    assert "You stopped this answer." in body
    assert "is-running" not in body


async def test_deleting_stops_the_answer(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), asyncio.Event()])
    location = (await ask(client)).headers["location"]
    await asyncio.wait_for(generator.asked.wait(), 10)
    response = await client.post(f"{location}/delete", headers=HTMX)
    assert response.headers["hx-redirect"].startswith("/?removed=")
    assert generator.cancelled_count == 1


async def test_restart_keeps_partial_answers(generator: FakeGenerator, tmp_path: Path) -> None:
    generator.enqueue([started(), delta("Half an"), asyncio.Event()])
    async with (
        running_server(build_app(generator, tmp_path), tmp_path) as server,
        httpx2.AsyncClient(base_url=server.url) as client,
    ):
        location = (await ask(client)).headers["location"]
        await shown(client, location, "Half an")
    app = build_app(generator, tmp_path)
    transport = httpx2.ASGITransport(app)
    async with (
        lifespan(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        body = (await client.get(location)).text
    assert "Half an" in body
    assert "restarted" in body


async def test_answer_of_a_killed_process_is_marked_at_the_next_start(
    generator: FakeGenerator, tmp_path: Path
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/sightline.db")
    await database.migrate()
    store = ConversationStore(database)
    conversation_id = await store.create("local", "Title", {})
    _, answer = await store.add_question("local", conversation_id, "Hi", [])
    async with lifespan(build_app(generator, tmp_path)):
        found = await store.message("local", answer.id)
    await database.close()
    assert found.status is MessageStatus.INCOMPLETE


async def test_answer_that_cannot_be_saved_still_streams(
    client: httpx2.AsyncClient, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(ConversationStore, "save_answer", refuse)
    gate = asyncio.Event()
    generator.enqueue([started(), gate, delta("Still here."), complete(1)])
    location = (await ask(client)).headers["location"]
    message_id = message_ids((await client.get(location)).text)[-1]
    watching = asyncio.create_task(client.get(f"/m/{message_id}/stream"))
    await asyncio.sleep(0)
    gate.set()
    assert "Still here." in (await watching).text
