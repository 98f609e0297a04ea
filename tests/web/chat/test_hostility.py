"""Text that wants to be more than text."""

from __future__ import annotations

import re

import httpx2
import pytest

from tests.web.chat.talk import ask, settled, tags_of
from tests.web.fakes import FakeGenerator, png, says


async def test_page_has_no_inline_script_or_style(client: httpx2.AsyncClient) -> None:
    await ask(client)
    for path in ("/", "/nothing"):
        body = (await client.get(path)).text
        assert " style=" not in body
        assert "<style" not in body
        assert not re.search(r"<script(?! src=)", body)
        assert not re.search(r"\son[a-z]+=|hx-on|hx-vals=.js:", body)


PROBES = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/p.png)",
    '<img src=x onerror="alert(1)">',
    '<div hx-get="/" hx-trigger="load">',
    "<svg><script>alert(1)</script></svg>",
]


@pytest.mark.parametrize("probe", PROBES)
async def test_hostile_text_is_inert_in_question_answer_and_title(
    client: httpx2.AsyncClient, generator: FakeGenerator, probe: str
) -> None:
    generator.enqueue(says(probe))
    files = {"files": (probe, png(), "image/png")}
    location = (await ask(client, probe, files=files)).headers["location"]
    body = await settled(client, location)
    for tag, attributes in tags_of(body):
        assert tag not in ("iframe", "object", "embed")
        assert tag != "script" or attributes["src"].startswith("/static/vendor/")
        assert tag != "img" or attributes["src"].startswith("/attachments/")
        assert not any(name.startswith("on") for name in attributes)
        assert not attributes.get("href", "").lower().startswith("javascript:")
        assert attributes.get("hx-get") in (None, "/history")
