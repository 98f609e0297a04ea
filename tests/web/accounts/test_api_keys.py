"""Keys with which programs ask in somebody's name."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import httpx2
import openai
import pytest
from sightline_web.accounts.__main__ import add, remove
from sightline_web.accounts.account_routes import MAX_KEYS
from starlette.types import ASGIApp

from tests.web.accounts.people import visitor
from tests.web.chat.talk import ask
from tests.web.fakes import FakeGenerator, says

CHAT = "/v1/chat/completions"
QUESTION = {"model": "sightline-nano", "messages": [{"role": "user", "content": "hi"}]}


async def made(client: httpx2.AsyncClient, name: str = "laptop", days: int = 30) -> str:
    body = (await client.post("/account/keys", data={"name": name, "days": days})).text
    found = re.search(r'value="(sl-[A-Za-z0-9_-]{43})"', body)
    assert found
    return found[1]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def key_id(client: httpx2.AsyncClient) -> str:
    found = re.search(r"/account/keys/(\w+)/revoke", (await client.get("/account")).text)
    assert found
    return found[1]


async def test_key_is_shown_once_and_its_hash_is_stored(
    anna: httpx2.AsyncClient, tmp_path: Path
) -> None:
    key = await made(anna)
    assert key.encode() not in (tmp_path / "sightline.db-wal").read_bytes()
    listed = (await anna.get("/account")).text
    assert key not in listed and f"…{key[-4:]}" in listed and "laptop" in listed


async def test_openai_client_asks_with_a_key(
    app: ASGIApp, anna: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("A square."))
    transport = httpx2.ASGITransport(app)
    http = openai.DefaultAsyncHttpxClient(transport=transport)
    async with openai.AsyncOpenAI(
        api_key=await made(anna), base_url="http://localhost/v1", http_client=http
    ) as client:
        answer = await client.chat.completions.create(**QUESTION)  # type: ignore[call-overload]
        assert answer.choices[0].message.content == "A square."
        revoked = client.with_options(api_key="sl-none", max_retries=0)
        with pytest.raises(openai.AuthenticationError) as caught:
            await revoked.models.list()
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer  "},
     {"authorization": "Bearer sl-wrong"}, {"authorization": "Basic abc"},
     {"authorization": b"Bearer \xff\xfe"}, {"authorization": "Bearer ' OR 1=1 --"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/sightline-nano", "/v1/nothing", CHAT])
async def test_without_a_valid_key_the_api_answers_401_in_openais_form(
    nobody: httpx2.AsyncClient, generator: FakeGenerator, path: str, headers: dict[str, str]
) -> None:
    send = nobody.post if path == CHAT else nobody.get
    options = {"json": QUESTION} if path == CHAT else {}
    response = await send(path, headers=headers, **options)
    assert response.status_code == 401
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert set(error) == {"message", "type", "param", "code"}
    assert response.headers["www-authenticate"] == "Bearer"
    assert generator.requests == []


async def test_session_does_not_open_the_api_nor_a_key_the_pages(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    place = (await ask(anna)).headers["location"]
    assert (await anna.get("/v1/models")).status_code == 401
    for path in (place, "/", "/account", "/operator"):
        response = await nobody.get(path, headers=bearer(await made(anna)))
        assert response.status_code == 303


async def test_revoked_key_is_worth_nothing(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    key = await made(anna)
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 200
    await anna.post(f"/account/keys/{await key_id(anna)}/revoke")
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 401


async def test_key_cannot_be_revoked_by_another(
    anna: httpx2.AsyncClient, boris: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    key = await made(anna)
    assert (await boris.post(f"/account/keys/{await key_id(anna)}/revoke")).status_code == 404
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 200
    assert key[-4:] not in (await boris.get("/account")).text


async def test_key_ends_with_its_time(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.store.api_keys.DAY_MS", 0)
    key = await made(anna)
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 401


async def test_key_ends_with_its_person(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient, people: Path
) -> None:
    key = await made(anna)
    remove(people, "anna")
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 401


async def test_key_ends_with_its_password_and_no_other_person_revives_it(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient, people: Path
) -> None:
    key = await made(anna)
    add(people, "anna", "another password", is_operator=False)
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 401
    remove(people, "anna")
    add(people, "anna", "another person", is_operator=False)
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 401


async def test_key_from_before_keys_had_marks_is_still_good(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient, tmp_path: Path
) -> None:
    key = await made(anna)
    with sqlite3.connect(tmp_path / "sightline.db") as connection:
        connection.execute("UPDATE api_keys SET mark = NULL")
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 200


async def test_signing_out_leaves_keys_alone(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    key = await made(anna)
    await anna.post("/account/sign-out-everywhere")
    assert (await nobody.get("/v1/models", headers=bearer(key))).status_code == 200


async def test_use_of_a_key_is_noted(anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient) -> None:
    key = await made(anna)
    assert "never" in (await anna.get("/account")).text
    await nobody.get("/v1/models", headers=bearer(key))
    assert "never" not in (await anna.get("/account")).text


@pytest.mark.parametrize(
    "data",
    [
        {"days": "30"},
        {"name": " ", "days": "30"},
        {"name": "a", "days": "9999"},
        {"name": "a", "days": "x"},
    ],
)
async def test_senseless_keys_are_refused(anna: httpx2.AsyncClient, data: dict[str, str]) -> None:
    assert (await anna.post("/account/keys", data=data)).status_code == 422
    assert "/revoke" not in (await anna.get("/account")).text


async def test_number_of_keys_is_bounded(anna: httpx2.AsyncClient) -> None:
    for _ in range(MAX_KEYS):
        await made(anna)
    assert (await anna.post("/account/keys", data={"name": "a", "days": "30"})).status_code == 422


async def test_expired_keys_leave_room_for_new_ones(
    anna: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sightline_web.store.api_keys.DAY_MS", 0)
        patch.setattr("sightline_web.accounts.account_routes.MAX_KEYS", 1)
        await made(anna)
        await made(anna)


async def test_api_is_open_where_there_are_no_accounts(generator: FakeGenerator, tmp_path) -> None:
    from tests.web.servers import build_app, lifespan

    app = build_app(generator, tmp_path)
    async with lifespan(app), visitor(app) as client:
        assert (await client.get("/v1/models")).status_code == 200
        assert (await client.get("/")).status_code == 200
        for path in ("/sign-in", "/account"):
            assert (await client.get(path)).status_code == 404
