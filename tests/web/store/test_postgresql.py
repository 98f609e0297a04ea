"""The page over a real PostgreSQL, from question to export."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.web.chat.talk import ask, message_ids, settled
from tests.web.fakes import FakeGenerator, png, says
from tests.web.servers import build_app, lifespan
from tests.web.store.conftest import NewUrl


@pytest.mark.parametrize("new_url", ["postgresql"], indirect=True)
async def test_page_keeps_everything_in_postgresql(
    generator: FakeGenerator, tmp_path: Path, new_url: NewUrl
) -> None:
    url = new_url()
    app = build_app(generator, tmp_path, database_url=url)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        lifespan(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        generator.enqueue(says("一个红色的圆形\0"))
        files = {"files": ("red.png", png(), "image/png")}
        location = (await ask(client, "图里有什么？", files=files)).headers["location"]
        assert "一个红色的圆形" in await settled(client, location)
        answer = message_ids((await client.get(location)).text)[-1]
        generator.enqueue(says("Another"))
        await client.post(f"/m/{answer}/regenerate")
        assert "<span>2/2</span>" in await settled(client, location)
        assert "图里有什么" in (await client.get("/history", params={"q": "红色 圆形"})).text
        link = (await client.post(f"{location}/share")).headers["location"]
        assert "Another" in (await client.get(link)).text
        saved = (await client.get(f"{location}/export.json")).content
        copy = await client.post("/import", files={"files": ("c.json", saved, "text/json")})
        assert "Another" in (await client.get(copy.headers["location"])).text
        await client.post(f"{location}/delete")
        assert (await client.get(link)).status_code == 404

    again = build_app(generator, tmp_path, database_url=url)
    transport = httpx2.ASGITransport(again, raise_app_exceptions=False)
    async with (
        lifespan(again),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        assert (await client.get("/history")).text.count("<li") == 1
