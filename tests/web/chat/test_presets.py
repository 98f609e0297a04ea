"""Settings that a person keeps under a name."""

from __future__ import annotations

import re

import httpx2
import pytest
from sightline_web.store.presets import MAX_PRESETS

from tests.web.chat.talk import HTMX, ask, settled
from tests.web.fakes import FakeGenerator

SETTINGS = {"temperature": "0.35", "system": "Speak like a <pirate>."}


async def kept(client: httpx2.AsyncClient, name: str = "Mine & yours") -> str:
    """Keeps a preset and returns its id."""
    data = {"preset_name": name, **SETTINGS}
    body = (await client.post("/presets", data=data, headers=HTMX)).text
    return re.findall(r"/presets/([0-9a-f]{32})/rename", body)[-1]


async def test_kept_settings_are_chosen_and_asked_with(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    preset_id = await kept(client)
    assert "Mine &amp; yours" in (await client.get("/")).text
    body = (await client.post(f"/presets/{preset_id}", headers=HTMX)).text
    assert 'value="0.35"' in body
    assert "Speak like a &lt;pirate&gt;." in body
    assert "<html" not in body


@pytest.mark.parametrize("name", ["creative", "own"])
async def test_without_scripts_the_page_comes_back_with_settings_and_draft(
    client: httpx2.AsyncClient, name: str
) -> None:
    location = (await ask(client)).headers["location"]
    await settled(client, location)
    key = await kept(client) if name == "own" else name
    response = await client.post(
        f"/presets/{key}?conversation={location[3:]}", data={"text": "Half a thought"}
    )
    assert response.status_code == 200
    assert "<html" in response.text and "Half a thought</textarea>" in response.text
    assert f'action="{location}/messages"' in response.text
    assert f'value="{"0.35" if name == "own" else "1.0"}"' in response.text


async def test_preset_is_renamed_and_deleted(client: httpx2.AsyncClient) -> None:
    preset_id = await kept(client)
    response = await client.post(f"/presets/{preset_id}/rename", data={"preset_name": " A  b "})
    assert response.headers["location"] == "/"
    assert 'value="A b"' in (await client.get("/")).text
    await client.post(f"/presets/{preset_id}/delete")
    assert preset_id not in (await client.get("/")).text
    assert (await client.post(f"/presets/{preset_id}")).status_code == 404
    assert (await client.post(f"/presets/{preset_id}/delete")).status_code == 404


@pytest.mark.parametrize("data", [{"preset_name": " "}, {"preset_name": "x" * 61}, {}])
async def test_useless_name_is_refused_in_words(
    client: httpx2.AsyncClient, data: dict[str, str]
) -> None:
    response = await client.post("/presets", data=data, headers=HTMX)
    assert response.status_code == 422
    assert "Give the preset a name" in response.text


async def test_there_is_an_end_to_presets(client: httpx2.AsyncClient) -> None:
    for number in range(MAX_PRESETS):
        data = {"preset_name": str(number)}
        assert (await client.post("/presets", data=data)).status_code == 303
    assert (await client.post("/presets", data={"preset_name": "more"})).status_code == 422


async def test_page_is_compressed_and_pictures_are_not(client: httpx2.AsyncClient) -> None:
    page = await client.get("/", headers={"accept-encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in page.headers["vary"].lower()
    plain = await client.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == page.text
    picture = await client.get("/static/examples/tall.png")
    assert "content-encoding" not in picture.headers
