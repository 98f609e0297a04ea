"""Conversations as files, and back."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

import httpx2
import pytest
from sightline_web.chat import export_routes

from tests.web.chat.talk import ask, message_ids, settled
from tests.web.fakes import FakeGenerator, png, says


@pytest.fixture
async def location(client: httpx2.AsyncClient, generator: FakeGenerator) -> str:
    generator.enqueue(says("A **red** circle"))
    files = {"files": ("red.png", png(), "image/png")}
    options = {"temperature": "0.5", "system": "Be brief."}
    response = await client.post("/c", data={"text": "What is this?", **options}, files=files)
    await settled(client, response.headers["location"])
    return response.headers["location"]


def thread_of(body: str) -> str:
    """Returns what the page shows of the messages, without ids."""
    found = re.search(r'<div id="thread".*?<section', body, re.DOTALL)
    return re.sub(r"[0-9a-f]{32}(?![0-9a-f])", "", found[0]) if found else ""


async def import_file(client: httpx2.AsyncClient, data: bytes) -> httpx2.Response:
    return await client.post("/import", files={"files": ("c.json", data, "application/json")})


async def test_saved_json_read_in_again_is_the_same_conversation_with_all_versions(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    answer = message_ids((await client.get(location)).text)[-1]
    generator.enqueue(says("Another"))
    await client.post(f"/m/{answer}/regenerate")
    await settled(client, location)
    saved = (await client.get(f"{location}/export.json")).content
    copy = (await import_file(client, saved)).headers["location"]
    assert copy != location
    before, after = [(await client.get(path)).text for path in (location, copy)]
    assert thread_of(after) == thread_of(before)
    assert "<span>2/2</span>" in after and "Be brief." in after
    again = (await client.get(f"{copy}/export.json")).json()
    assert again["settings"] == json.loads(saved)["settings"]


async def test_markdown_has_all_words_and_names_the_pictures(
    client: httpx2.AsyncClient, location: str
) -> None:
    response = await client.get(f"{location}/export.md")
    assert response.headers["content-disposition"].startswith("attachment;")
    assert response.text == (
        "# What is this?\n\n## You\n\n_Picture: red.png_\n\nWhat is this?\n\n"
        "## Sightline\n\nA **red** circle\n"
    )


async def test_html_needs_nothing_else(client: httpx2.AsyncClient, location: str) -> None:
    document = (await client.get(f"{location}/export.html")).text
    assert "<strong>red</strong>" in document and 'src="data:image/png;base64,' in document
    assert not re.search(r'(?:src|href)="(?!data:)', document)
    assert "<script" not in document


async def test_one_message_is_saved_as_written(client: httpx2.AsyncClient, location: str) -> None:
    answer = message_ids((await client.get(location)).text)[-1]
    assert (await client.get(f"/m/{answer}.md")).text == "A **red** circle\n"


async def test_marks_of_boxes_are_not_saved(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    generator.enqueue(says("<|begin_of_box|>[1,2,3,4]<|end_of_box|>"))
    await ask(client, "Where?", f"{location}/messages")
    answer = message_ids(await settled(client, location))[-1]
    assert (await client.get(f"/m/{answer}.md")).text == "[1,2,3,4]\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(version=2),
        lambda document: document.update(messages=3),
        lambda document: document["messages"].reverse(),
        lambda document: document["messages"][0].update(role="system"),
        lambda document: document["messages"][0].update(pictures=["sha256:none"]),
        lambda document: document["pictures"][0].update(data="AAAA"),
        lambda document: document["pictures"][0].update(data="not base64"),
        lambda document: document["settings"].update(temperature=9),
        lambda document: document.pop("title"),
    ],
)
async def test_damaged_documents_are_refused_and_leave_nothing(
    client: httpx2.AsyncClient, location: str, change
) -> None:
    document = (await client.get(f"{location}/export.json")).json()
    change(document)
    response = await import_file(client, json.dumps(document).encode())
    assert response.status_code == 422
    assert (await client.get("/history")).text.count("<li") == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff"])
async def test_other_files_are_refused(client: httpx2.AsyncClient, data: bytes) -> None:
    assert (await import_file(client, data)).status_code == 422


async def test_settings_of_a_conversation_reach_the_model(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    request = generator.requests[-1]
    assert request.sampling.temperature == 0.5
    assert request.messages[0].parts[0].text == "Be brief."


async def test_documents_are_made_and_read_beside_the_event_loop(
    client: httpx2.AsyncClient, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[bool] = []

    def noting(work: Callable[..., object]) -> Callable[..., object]:
        def noted(*values: object) -> object:
            beside.append(threading.current_thread() is not threading.main_thread())
            return work(*values)

        return noted

    for name in ("written", "read", "html_document"):
        monkeypatch.setattr(export_routes, name, noting(getattr(export_routes, name)))
    saved = await client.get(f"{location}/export.json")
    assert (await client.get(f"{location}/export.html")).status_code == 200
    assert (await import_file(client, saved.content)).status_code == 303
    assert beside == [True, True, True]
