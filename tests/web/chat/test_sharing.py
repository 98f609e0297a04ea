"""Links under which others may read a conversation."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx2
import pytest

from tests.web.chat.talk import HTMX, ask, message_ids, settled
from tests.web.fakes import FakeGenerator, png, says, started
from tests.web.servers import build_app, lifespan


@pytest.fixture
async def location(client: httpx2.AsyncClient, generator: FakeGenerator) -> str:
    generator.enqueue(says("First answer"))
    files = {"files": ("red.png", png(), "image/png")}
    location = (await ask(client, "What is this?", files=files)).headers["location"]
    await settled(client, location)
    return location


async def shared(client: httpx2.AsyncClient, location: str) -> str:
    return (await client.post(f"{location}/share")).headers["location"]


async def test_link_shows_the_branch_as_it_was_and_nothing_to_change(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    link = await shared(client, location)
    answer = message_ids((await client.get(location)).text)[-1]
    generator.enqueue(says("Later answer"))
    await ask(client, "Later question", f"{location}/messages")
    await settled(client, location)
    await client.post(f"/m/{answer}/regenerate")
    body = (await client.get(link)).text
    assert "What is this?" in body and "First answer" in body
    assert "Later" not in body and "<form" not in body and "/c/" not in body and "/m/" not in body
    picture = re.search(r'src="(/s/[^"]+/attachments/[0-9a-f]{64})"', body)
    assert picture and (await client.get(picture[1])).content == png()


async def test_link_shows_no_picture_of_another_conversation(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    link = await shared(client, location)
    other = await client.post(
        "/attachments", files={"files": ("b.png", png(1, 2, 3), "image/png")}, headers=HTMX
    )
    digest = re.search(r"/attachments/([0-9a-f]{64})", other.text)
    assert digest and (await client.get(f"{link}/attachments/{digest[1]}")).status_code == 404


@pytest.mark.parametrize("action", ["unshare", "delete"])
async def test_withdrawn_links_lead_nowhere(
    client: httpx2.AsyncClient, location: str, action: str
) -> None:
    link = await shared(client, location)
    assert (await client.get(link)).status_code == 200
    await client.post(f"{location}/{action}")
    assert (await client.get(link)).status_code == 404


async def test_link_is_given_in_full_and_its_token_is_not_stored(
    client: httpx2.AsyncClient, location: str, tmp_path
) -> None:
    fragment = (await client.post(f"{location}/share", headers=HTMX)).text
    address = re.search(r'value="(http://localhost/s/([^"]+))"', fragment)
    assert address and (await client.get(address[1])).status_code == 200
    assert address[2].encode() not in (tmp_path / "sightline.db-wal").read_bytes()
    assert "Withdraw all links" in (await client.get(location)).text


async def test_running_answers_are_not_shared(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), asyncio.Event()])
    location = (await ask(client)).headers["location"]
    assert (await client.post(f"{location}/share", headers=HTMX)).status_code == 409


async def test_unknown_link_is_404(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/s/none")).status_code == 404


async def test_link_has_the_public_address(generator: FakeGenerator, tmp_path: Path) -> None:
    app = build_app(generator, tmp_path, public_url="https://chat.example")
    transport = httpx2.ASGITransport(app)
    async with (
        lifespan(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        location = (await ask(client)).headers["location"]
        await settled(client, location)
        fragment = (await client.post(f"{location}/share", headers=HTMX)).text
    assert re.search(r'value="https://chat.example/s/[^"]+"', fragment)
