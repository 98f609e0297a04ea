"""Steps that tests of the chat page share."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx2
from sightline_web.assets import inlined_style

from tests.web.fakes import eventually

HTMX = {"hx-request": "true"}


async def ask(
    client: httpx2.AsyncClient, text: str = "What is this?", path: str = "/c", **options: object
) -> httpx2.Response:
    return await client.post(path, data={"text": text}, **options)


async def settled(client: httpx2.AsyncClient, path: str) -> str:
    """Returns the page once no answer is running."""

    async def check() -> str:
        body = (await client.get(path)).text
        return "" if "is-running" in body else body

    return await eventually(check)


async def shown(client: httpx2.AsyncClient, path: str, text: str) -> str:
    """Returns the page once it shows a text."""

    async def check() -> str:
        body = (await client.get(path)).text
        return body if text in body else ""

    return await eventually(check)


def without_style(body: str) -> str:
    """Returns a page, or a part of one, without the one style sheet that pages have in them."""
    return body.replace(f"<style>{inlined_style()}</style>", "", 1)


def tags_of(body: str) -> list[tuple[str, dict[str, str]]]:
    """Returns what a browser would make of the tags."""
    found: list[tuple[str, dict[str, str]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attrs}))

    Tags().feed(body)
    return found


def message_ids(body: str) -> list[str]:
    return re.findall(r'id="m-([0-9a-f]{32})"', body)
