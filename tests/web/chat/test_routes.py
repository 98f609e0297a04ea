"""The chat page: pages without scripts, fragments with htmx."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from pathlib import Path

import httpx2
import pytest
from sightline.generator.v1 import generator_pb2
from sightline_common.errors import NotReadyError, PromptTooLongError
from sightline_web.store.database import Database

from tests.web.chat.talk import HTMX, ask, message_ids, settled
from tests.web.fakes import FakeGenerator, complete, png, says, started


async def test_start_page_invites_a_picture(client: httpx2.AsyncClient) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert 'type="file"' in response.text
    assert "Drop a picture" in response.text
    assert response.headers["cache-control"] == "no-store"


async def test_question_without_scripts_redirects_to_its_conversation(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("A red ", "circle."))
    response = await ask(client)
    assert response.status_code == 303
    body = await settled(client, response.headers["location"])
    assert "What is this?" in body
    assert "A red circle." in body
    assert "2 tokens" in body


async def test_first_question_with_scripts_goes_to_its_conversation(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("A square."))
    response = await ask(client, headers=HTMX)
    assert response.status_code == 200
    body = await settled(client, response.headers["hx-redirect"])
    assert "A square." in body


async def test_refused_first_question_with_scripts_leaves_the_page_as_it_is(
    client: httpx2.AsyncClient,
) -> None:
    response = await ask(client, text=" ", headers=HTMX)
    assert response.status_code == 422
    assert "<html" not in response.text
    assert "Write a question" in response.text


async def test_follow_up_sends_the_branch_with_its_pictures_first(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("A circle."))
    files = {"files": ("red.png", png(), "image/png")}
    location = (await ask(client, files=files)).headers["location"]
    await settled(client, location)
    response = await ask(client, "Which colour?", f"{location}/messages")
    assert response.status_code == 303
    await settled(client, location)
    first, second, third = generator.requests[-1].messages
    assert [part.WhichOneof("content") for part in first.parts] == ["media", "text"]
    assert first.parts[0].media.data == png()
    assert second.role == generator_pb2.ROLE_ASSISTANT
    assert second.parts[0].text == "A circle."
    assert third.parts[0].text == "Which colour?"
    assert generator.requests[-1].media_first


async def test_htmx_gets_the_exchange_and_an_empty_composer(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    location = (await ask(client)).headers["location"]
    await settled(client, location)
    gate = asyncio.Event()
    generator.enqueue([started(), gate, complete()])
    response = await ask(client, "And now?", f"{location}/messages", headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert "And now?" in response.text
    assert re.search(r'hx-sse:connect="/m/[0-9a-f]{32}/stream"', response.text)
    assert '<hx-partial hx-target="#composer-form"' in response.text
    gate.set()


async def test_page_and_fragment_show_the_same_message(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    location = (await ask(client)).headers["location"]
    body = await settled(client, location)
    message_id = message_ids(body)[-1]
    fragment = (await client.post(f"/m/{message_id}/stop", headers=HTMX)).text
    assert fragment.strip() in body


async def test_empty_question_is_refused_in_words(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    page = await ask(client, " \r\n ")
    fragment = await ask(client, "", headers=HTMX)
    assert page.status_code == fragment.status_code == 422
    assert "Write a question" in page.text
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert generator.requests == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PromptTooLongError("n"), "has become too long"),
        (NotReadyError("n"), "cannot be reached"),
        (ValueError("/secret"), "Something went wrong"),
    ],
)
async def test_failure_is_told_in_the_thread_and_asking_again_works(
    client: httpx2.AsyncClient, generator: FakeGenerator, error: Exception, words: str
) -> None:
    generator.enqueue([error])
    location = (await ask(client)).headers["location"]
    body = await settled(client, location)
    assert words in unescape(body)
    assert "secret" not in body
    await ask(client, "Again?", f"{location}/messages")
    assert "ok" in await settled(client, location)


async def test_settings_travel_and_are_kept(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    data = {"text": "Hi", "temperature": "0.7", "top_p": "0.9", "max_tokens": "12"}
    location = (await client.post("/c", data=data)).headers["location"]
    body = await settled(client, location)
    [request] = generator.requests
    assert (request.sampling.temperature, request.sampling.top_p) == (0.7, 0.9)
    assert request.stop.max_token_count == 12
    assert 'name="temperature" min="0" max="2" step="0.05" value="0.7"' in body


async def test_values_stand_for_settings_until_their_fields_are_fetched(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    chosen = {
        "temperature": "0.7",
        "top_k": "9",
        "seed": "5",
        "detail": "low",
        "system": 'A "b"\nc',
    }
    location = (await client.post("/c", data={"text": "Hi", **chosen})).headers["location"]
    body = await settled(client, location)
    before_fields = body[: body.index("<noscript>", body.index("settings-slot"))]
    values = dict(
        re.findall(r'"hidden" form="composer-form" name="(\w+)" value="([^"]*)"', before_fields)
    )
    values = {name: unescape(value) for name, value in values.items()}
    assert values.items() >= chosen.items() and set(values) >= {"top_p", "max_tokens"}
    panel = (await client.get(f"{location}/settings", headers=HTMX)).text
    assert f'value="{values["max_tokens"]}"' in panel and 'value="0.7"' in panel
    assert unescape(panel).count('A "b"\nc</textarea>') == 1
    await client.post(f"{location}/messages", data={"text": "Again?", **values})
    await settled(client, location)
    first, second = (request.sampling for request in generator.requests)
    assert first.temperature == second.temperature and second.seed == 5


async def test_settings_change_live(client: httpx2.AsyncClient, generator: FakeGenerator) -> None:
    location = (await ask(client)).headers["location"]
    await settled(client, location)
    data = {"temperature": "1.5", "top_p": "0.5", "max_tokens": "7"}
    response = await client.post(f"{location}/settings", data=data, headers=HTMX)
    assert "temperature 1.50" in response.text
    body = (await client.get(location)).text
    assert "at most 7 tokens" in body


@pytest.mark.parametrize("value", ["nan", "3", "-1", "hot", "inf"])
async def test_impossible_setting_is_refused(client: httpx2.AsyncClient, value: str) -> None:
    response = await client.post("/settings", data={"temperature": value}, headers=HTMX)
    assert response.status_code == 422
    assert "Temperature must be" in response.text


@pytest.mark.parametrize(
    "path",
    ["/c/none", "/m/none/stream", "/attachments/none", "/attachments/..%2f..%2fetc%2fpasswd"],
)
async def test_unknown_things_are_404(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_page_works_while_the_generator_is_away(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.info_error = NotReadyError("Loading.")
    assert (await client.get("/")).status_code == 200


async def test_database_url_can_be_given(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a/b.db")
    await database.migrate()
    await database.close()
    assert (tmp_path / "a" / "b.db").is_file()
