"""The list of conversations: searched, renamed, pinned, removed, restored."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from sightline_web.chat.housekeeping import Housekeeping
from sightline_web.chat.pictures import Pictures
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.history import History
from sightline_web.store.pictures import PictureFiles
from sightline_web.store.sessions import Sessions

from tests.web.chat.talk import ask, settled
from tests.web.fakes import FakeGenerator, png, says


async def conversation(
    client: httpx2.AsyncClient, generator: FakeGenerator, question: str, answer: str, **options
) -> str:
    generator.enqueue(says(answer))
    location = (await ask(client, question, **options)).headers["location"]
    await settled(client, location)
    return location


async def found(client: httpx2.AsyncClient, words: str) -> str:
    return (await client.get("/history", params={"q": words})).text


@pytest.mark.parametrize("words", ["圆形", "红色 圆", "CIRCLE", "ircl", "100%", "a_b"])
async def test_search_finds_parts_of_words_in_questions_and_answers(
    client: httpx2.AsyncClient, generator: FakeGenerator, words: str
) -> None:
    await conversation(client, generator, "图里有什么？", "一个红色的圆形, a circle, 100% a_b")
    await conversation(client, generator, "Other", "nothing of it, 1000 axb")
    listed = await found(client, words)
    assert "图里有什么" in listed and "Other" not in listed


async def test_search_without_result_says_so(client: httpx2.AsyncClient) -> None:
    assert "Nothing found." in await found(client, "absent")


async def test_search_works_without_scripts(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    await conversation(client, generator, "First words", "yes")
    await conversation(client, generator, "Second", "no")
    page = (await client.get("/", params={"q": "words"})).text
    assert "First words" in page and "Second" not in page


async def test_renamed_and_pinned_conversations_stand_so_in_the_list(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    first = await conversation(client, generator, "First", "a")
    await conversation(client, generator, "Second", "b")
    await client.post(f"{first}/title", data={"title": "  A   better\nname "})
    await client.post(f"{first}/pin")
    listed = await found(client, "")
    assert listed.index("A better name") < listed.index("Second")
    assert "Pinned" in listed
    await client.post(f"{first}/pin")
    listed = await found(client, "")
    assert listed.index("Second") < listed.index("A better name")


async def test_empty_title_is_refused(client: httpx2.AsyncClient, generator: FakeGenerator) -> None:
    location = await conversation(client, generator, "First", "a")
    response = await client.post(f"{location}/title", data={"title": "  "})
    assert response.status_code == 422 and "Write a title" in response.text


async def test_removed_conversation_is_hidden_and_comes_back_whole(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    files = {"files": ("a.png", png(), "image/png")}
    location = await conversation(client, generator, "Question", "An answer", files=files)
    response = await client.post(f"{location}/delete")
    start = (await client.get(response.headers["location"])).text
    assert "“Question” was deleted." in start
    assert "Question" not in await found(client, "")
    assert (await client.get(location)).status_code == 404
    assert (await client.post(f"{location}/restore")).headers["location"] == location
    body = (await client.get(location)).text
    assert "An answer" in body and "/attachments/" in body


async def test_what_was_removed_long_ago_is_purged_with_its_pictures(
    client: httpx2.AsyncClient,
    generator: FakeGenerator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {"files": ("a.png", png(), "image/png")}
    removed = await conversation(client, generator, "Removed", "a", files=files)
    kept = await conversation(client, generator, "Kept", "b")
    await client.post(f"{removed}/delete")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/sightline.db")
    store = ConversationStore(database)
    pictures = Pictures(store, PictureFiles(tmp_path / "attachments"), 2**20)
    housekeeping = Housekeeping(History(database), pictures, Sessions(database))
    await housekeeping.tidy()
    assert (await client.post(f"{removed}/restore")).status_code == 303
    await client.post(f"{removed}/delete")
    monkeypatch.setattr("sightline_web.chat.housekeeping.RESTORABLE_S", -1.0)
    await housekeeping.tidy()
    await database.close()
    assert (await client.post(f"{removed}/restore")).status_code == 404
    assert (await client.get(kept)).status_code == 200
    assert not [file for file in (tmp_path / "attachments").rglob("*") if file.is_file()]
