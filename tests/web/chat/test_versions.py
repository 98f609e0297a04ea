"""Answers that are given again, questions that are reworded, and the way between them."""

from __future__ import annotations

import asyncio
import re

import httpx2
import pytest

from tests.web.chat.talk import HTMX, ask, message_ids, settled
from tests.web.fakes import FakeGenerator, complete, png, says, started


@pytest.fixture
async def location(client: httpx2.AsyncClient, generator: FakeGenerator) -> str:
    generator.enqueue(says("First answer"))
    files = {"files": ("a.png", png(), "image/png")}
    location = (await ask(client, "What is this?", files=files)).headers["location"]
    await settled(client, location)
    return location


async def ids(client: httpx2.AsyncClient, location: str) -> list[str]:
    return message_ids((await client.get(location)).text)


async def test_answering_again_adds_a_version_and_keeps_the_first(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    _, answer = await ids(client, location)
    generator.enqueue(says("Second answer"))
    response = await client.post(f"/m/{answer}/regenerate")
    assert response.headers["location"].startswith(location)
    body = await settled(client, location)
    assert "Second answer" in body and "First answer" not in body and "<span>2/2</span>" in body
    assert len(generator.requests[-1].messages) == 1
    assert generator.requests[-1].messages[0].parts[0].media.data == png()
    await client.post(f"/m/{answer}/show")
    body = (await client.get(location)).text
    assert "First answer" in body and "Second answer" not in body and "<span>1/2</span>" in body


async def test_reworded_question_keeps_its_picture_and_begins_a_branch(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    question, _ = await ids(client, location)
    generator.enqueue(says("Another answer"))
    response = await client.post(
        f"/m/{question}/edit", data={"text": "And the colour?"}, headers=HTMX
    )
    assert response.status_code == 200 and "<html" not in response.text
    body = await settled(client, location)
    assert (
        "And the colour?" in body and "What is this?" not in body.split("<main")[1].split("<h1")[0]
    )
    parts = generator.requests[-1].messages[0].parts
    assert (parts[0].media.data, parts[1].text) == (png(), "And the colour?")
    assert "<span>2/2</span>" in body


async def test_showing_a_version_shows_the_newest_of_what_followed_it(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    question, _answer = await ids(client, location)
    generator.enqueue(says("Follow-up answer"))
    await ask(client, "More?", f"{location}/messages")
    await settled(client, location)
    generator.enqueue(says("Branch answer"))
    await client.post(f"/m/{question}/edit", data={"text": "Branch"})
    await settled(client, location)
    response = await client.post(f"/m/{question}/show", headers=HTMX)
    assert "Follow-up answer" in response.text and "Branch answer" not in response.text


async def test_finished_stream_shows_the_versions(
    web: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("One"))
    location = (await ask(web)).headers["location"]
    await settled(web, location)
    answer = message_ids((await web.get(location)).text)[-1]
    gate = asyncio.Event()
    generator.enqueue([started(), gate, complete()])
    await web.post(f"/m/{answer}/regenerate")
    added = message_ids((await web.get(location)).text)[-1]
    gate.set()
    stream = (await web.get(f"/m/{added}/stream")).text
    assert "<span>2/2</span>" in stream


@pytest.mark.parametrize("action", ["regenerate", "edit", "show"])
async def test_nothing_branches_while_an_answer_is_written(
    client: httpx2.AsyncClient, generator: FakeGenerator, action: str
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), gate, complete()])
    location = (await ask(client)).headers["location"]
    question, answer = await ids(client, location)
    target = question if action == "edit" else answer
    response = await client.post(f"/m/{target}/{action}", data={"text": "x"}, headers=HTMX)
    assert response.status_code == 409
    gate.set()


@pytest.mark.parametrize(("index", "action"), [(0, "regenerate"), (1, "edit")])
async def test_roles_are_not_mixed_up(
    client: httpx2.AsyncClient, location: str, index: int, action: str
) -> None:
    target = (await ids(client, location))[index]
    response = await client.post(f"/m/{target}/{action}", data={"text": "x"}, headers=HTMX)
    assert response.status_code == 422


async def test_boxes_are_drawn_over_the_picture_and_their_marks_are_not_shown(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    generator.enqueue(says("<|begin_of_box|>", "[100,200,400,600]", "<|end_of_box|>"))
    await ask(client, "Where is it?", f"{location}/messages")
    body = await settled(client, location)
    assert '<rect x="100" y="200" width="300" height="400"/>' in body
    assert "_of_box" not in body
    assert re.search(r'<figure class="boxed">\s*<img src="/attachments/[0-9a-f]{64}"', body)


async def test_form_to_reword_is_for_questions_and_for_its_place(
    client: httpx2.AsyncClient, location: str
) -> None:
    question, answer = await ids(client, location)
    form = await client.get(f"/m/{question}/edit", headers=HTMX)
    assert 'name="text"' in form.text
    alone = await client.get(f"/m/{question}/edit")
    assert alone.status_code == 303 and f"#m-{question}" in alone.headers["location"]
    assert (await client.get(f"/m/{answer}/edit", headers=HTMX)).status_code == 422
