"""Pictures that people choose, drop and remove."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx2
import pytest
from sightline_web.assets import STATIC_DIR

from tests.web.chat.talk import HTMX, settled
from tests.web.fakes import FakeGenerator, png


async def test_chosen_pictures_become_chips_that_can_be_sent(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    files = [("files", (f"{i}.png", png(i), "image/png")) for i in (1, 2)]
    response = await client.post("/attachments", files=files, headers=HTMX)
    digests = re.findall(r'name="attachment" value="(sha256:[0-9a-f]{64})"', response.text)
    assert len(digests) == 2
    await client.post("/c", data={"text": "Both?", "attachment": digests})
    await asyncio.wait_for(generator.asked.wait(), 10)
    parts = generator.requests[0].messages[0].parts
    assert [part.media.data for part in parts[:2]] == [png(1), png(2)]


async def test_picture_is_served_with_its_real_type_and_no_rights(
    client: httpx2.AsyncClient,
) -> None:
    files = {"files": ("x.html", png(), "text/html")}
    body = (await client.post("/attachments", files=files, headers=HTMX)).text
    [path] = set(re.findall(r"/attachments/[0-9a-f]{64}", body))
    response = await client.get(path)
    assert response.content == png()
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "is empty"),
        (b"<svg onload=alert(1)>", 422, "not a picture of a known kind"),
        (b"x" * (2**17 + 1), 413, "is larger than"),
    ],
)
async def test_useless_file_is_refused_in_words(
    client: httpx2.AsyncClient, data: bytes, status: int, words: str
) -> None:
    files = {"files": ("<b>evil</b>.png", data, "image/png")}
    response = await client.post("/attachments", files=files, headers=HTMX)
    assert response.status_code == status
    assert words in response.text
    assert "<b>" not in response.text


async def test_useless_file_does_not_take_good_ones_with_it(client: httpx2.AsyncClient) -> None:
    files = [("files", ("a.png", png(), "image/png")), ("files", ("b.png", b"<svg/>", "image/png"))]
    response = await client.post("/attachments", files=files, headers=HTMX)
    assert response.status_code == 200
    assert response.text.count('name="attachment"') == 1
    assert "b.png is not a picture of a known kind" in response.text


async def test_removed_chip_forgets_its_picture(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    files = {"files": ("a.png", png(), "image/png")}
    body = (await client.post("/attachments", files=files, headers=HTMX)).text
    path = re.findall(r"/attachments/[0-9a-f]{64}", body)[0]
    assert (await client.delete(path)).status_code == 200
    assert (await client.get(path)).status_code == 404
    assert not [file for file in (tmp_path / "attachments").rglob("*") if file.is_file()]


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "../etc", ""])
async def test_missing_picture_is_told_in_words(
    client: httpx2.AsyncClient, generator: FakeGenerator, digest: str
) -> None:
    response = await client.post("/c", data={"text": "Hi", "attachment": digest}, headers=HTMX)
    assert response.status_code == 422
    assert "Choose it again" in response.text
    assert generator.requests == []


async def test_example_is_asked_about_with_its_picture(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    start = (await client.get("/")).text
    assert start.count('name="example"') == 3
    data = {"example": "hearts.png", "text": "What is at the top right?"}
    location = (await client.post("/c", data=data)).headers["location"]
    assert "hearts.png" in await settled(client, location)
    media, text = generator.requests[-1].messages[0].parts
    assert media.media.data == (STATIC_DIR / "examples" / "hearts.png").read_bytes()
    assert text.text == "What is at the top right?"


async def test_unknown_example_is_nothing(client: httpx2.AsyncClient) -> None:
    response = await client.post("/c", data={"example": "../../site.css"})
    assert response.status_code == 422
