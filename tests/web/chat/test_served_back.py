"""What somebody else may read of a picture: its pixels, and nothing that its camera wrote."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable

import httpx2
import pytest
from sightline_common.digest import sha256_digest

from tests.web.chat.talk import HTMX, settled
from tests.web.fakes import FakeGenerator
from tests.web.metadata import files
from tests.web.metadata.files import SECRET

PHOTO = files.saved("JPEG", orientation=6)


@pytest.fixture
async def location(client: httpx2.AsyncClient, generator: FakeGenerator) -> str:
    sent = {"files": ("garden.jpg", PHOTO, "image/jpeg")}
    response = await client.post("/c", data={"text": "Where is this?"}, files=sent)
    await settled(client, response.headers["location"])
    return response.headers["location"]


async def address_in(client: httpx2.AsyncClient, page: str) -> str:
    found = re.search(r'src="([^"]*/attachments/[0-9a-f]{64})"', (await client.get(page)).text)
    assert found
    return found[1]


async def of_owner(client: httpx2.AsyncClient, location: str) -> bytes:
    return (await client.get(await address_in(client, location))).content


async def of_link(client: httpx2.AsyncClient, location: str) -> bytes:
    link = (await client.post(f"{location}/share")).headers["location"]
    address = await address_in(client, link)
    assert address.startswith(link)
    return (await client.get(address)).content


async def of_html(client: httpx2.AsyncClient, location: str) -> bytes:
    body = (await client.get(f"{location}/export.html")).text
    found = re.search(r"data:image/jpeg;base64,([^\"]+)", body)
    assert found
    return base64.b64decode(found[1])


async def of_json(client: httpx2.AsyncClient, location: str) -> bytes:
    body = (await client.get(f"{location}/export.json")).json()
    return base64.b64decode(body["pictures"][0]["data"])


@pytest.mark.parametrize("read", [of_owner, of_link, of_html, of_json])
async def test_no_reader_gets_metadata(
    client: httpx2.AsyncClient, location: str, read: Callable[..., object]
) -> None:
    served = await read(client, location)

    assert SECRET in PHOTO and SECRET not in served
    assert b"PK\x03\x04" not in served


async def test_model_sees_what_readers_see(
    client: httpx2.AsyncClient, generator: FakeGenerator, location: str
) -> None:
    media = generator.requests[0].messages[0].parts[0].media

    assert media.data == await of_owner(client, location)


async def test_nothing_of_metadata_is_stored(
    client: httpx2.AsyncClient, location: str, tmp_path
) -> None:
    stored = [path for path in (tmp_path / "attachments").rglob("*") if path.is_file()]

    assert [SECRET in path.read_bytes() for path in stored] == [False]


async def test_conversations_saved_with_metadata_lose_it_when_they_are_read_in(
    client: httpx2.AsyncClient, location: str
) -> None:
    saved = (await client.get(f"{location}/export.json")).json()
    old = saved["pictures"][0]["digest"]
    saved["pictures"][0] |= {
        "digest": sha256_digest(PHOTO),
        "data": base64.b64encode(PHOTO).decode(),
    }
    text = json.dumps(saved).replace(old, sha256_digest(PHOTO))
    sent = {"files": ("c.json", text.encode(), "application/json")}

    copy = (await client.post("/import", files=sent, headers=HTMX)).headers["hx-redirect"]

    assert await of_owner(client, copy) == await of_owner(client, location)
