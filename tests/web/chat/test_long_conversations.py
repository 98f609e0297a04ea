"""A long conversation: its end is shown, the rest when somebody asks."""

from __future__ import annotations

import json
import re

import httpx2
import pytest

from tests.web.chat.talk import HTMX, message_ids, settled, without_style

NUM_MESSAGES = 100


def document(num_messages: int) -> bytes:
    """A saved conversation whose messages are called w0, w1, …"""
    told = {"reasoning": "", "status": "complete", "reason": "", "stats": {}, "pictures": []}
    messages = [
        {
            "id": str(index),
            "parent": str(index - 1) if index else None,
            "role": "assistant" if index % 2 else "user",
            "text": f"w{index}",
            **told,
        }
        for index in range(num_messages)
    ]
    whole = {"format": "sightline-conversation", "version": 1, "title": "Long", "settings": {}}
    return json.dumps(
        {**whole, "head": str(num_messages - 1), "messages": messages, "pictures": []}
    ).encode()


@pytest.fixture
async def place(client: httpx2.AsyncClient) -> str:
    files = {"files": ("long.json", document(NUM_MESSAGES), "application/json")}
    return (await client.post("/import", files=files)).headers["location"]


def words(body: str) -> list[str]:
    """Returns the messages of a page by their names."""
    return re.findall(r"(?:hx-ignore>|<p>)(w\d+)<", body)


def link(body: str, attribute: str) -> str:
    return re.findall(rf'class="earlier [^>]*{attribute}="([^"]+)"', body)[0]


def names(begin: int, end: int) -> list[str]:
    return [f"w{index}" for index in range(begin, end)]


async def test_page_shows_the_end_and_links_lead_to_the_rest(
    client: httpx2.AsyncClient, place: str
) -> None:
    body = (await client.get(place)).text
    assert words(body) == names(60, 100)
    body = (await client.get(link(body, "href"))).text
    assert words(body) == names(20, 100)
    whole = re.search(r'href="([^"]+)">Show all; 20 more', body)
    assert whole
    body = (await client.get(whole[1])).text
    assert words(body) == names(0, 100) and "way-back" not in without_style(body)


async def test_htmx_gets_what_comes_before_and_the_next_link(
    client: httpx2.AsyncClient, place: str
) -> None:
    body = (await client.get(place)).text
    for begin in (20, 0):
        body = (await client.get(link(body, "hx-get"), headers=HTMX)).text
        assert words(body) == names(begin, begin + 40 if begin else 20)
    assert "way-back" not in body and "<html" not in body


async def test_version_of_an_early_message_is_shown_with_it(
    client: httpx2.AsyncClient, place: str
) -> None:
    whole = (await client.get(f"{place}?from=")).text
    first = message_ids((await client.get(link(whole, "href"))).text)[0]
    await client.post(f"/m/{first}/edit", data={"text": "Reworded"})
    assert "Reworded" in await settled(client, place)
    response = await client.post(f"/m/{first}/show")
    body = (await client.get(response.headers["location"])).text
    assert words(body) == names(20, 100)
    assert words((await client.post(f"/m/{first}/show", headers=HTMX)).text) == names(20, 100)


async def test_only_messages_of_the_conversation_are_shown(
    client: httpx2.AsyncClient, place: str
) -> None:
    files = {"files": ("other.json", document(3), "application/json")}
    other = (await client.post("/import", files=files)).headers["location"]
    last = message_ids((await client.get(other)).text)[-1]
    assert words((await client.get(f"{place}/earlier?before={last}", headers=HTMX)).text) == []
    assert words((await client.get(f"{place}?from={last}")).text) == names(60, 100)
    missing = await client.get(f"{place}/earlier?before=none", headers=HTMX)
    assert missing.status_code == 404
