"""Signing in with a password, and out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from sightline_web.accounts.__main__ import add, remove
from sightline_web.accounts.attempts import MAX_PER_NAME_AND_ADDRESS
from sightline_web.accounts.password_file import MAX_PASSWORD_LENGTH, Entry, write_entries
from sightline_web.chat.forms import MAX_SMALL_FIELD_BYTES, MAX_SMALL_FIELDS
from starlette.types import ASGIApp

from tests.web.accounts.people import (
    CHEAP,
    PASSWORD,
    app_with_accounts,
    password_file,
    sign_in,
    signed_in,
    visitor,
)
from tests.web.chat.talk import HTMX, ask, settled
from tests.web.fakes import FakeGenerator, says
from tests.web.servers import lifespan


async def test_link_to_a_conversation_leads_there_after_signing_in(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    place = (await ask(anna)).headers["location"]
    turned_away = await nobody.get(f"{place}?q=a%20b&x=%2F")
    assert turned_away.status_code == 303
    form = await nobody.get(turned_away.headers["location"])
    assert form.status_code == 200 and f'value="{place}?q=a%20b&amp;x=%2F"' in form.text
    back = await sign_in(nobody, "anna", path=f"{place}?q=a%20b&x=%2F")
    assert back.headers["location"] == f"{place}?q=a%20b&x=%2F"
    assert (await nobody.get(place)).status_code == 200


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\r\nx: y", ""]
)
async def test_signing_in_leads_to_no_other_site(nobody: httpx2.AsyncClient, place: str) -> None:
    assert (await sign_in(nobody, "anna", path=place)).headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("Anna", PASSWORD), ("anna", "x" * 5000)],
)
async def test_wrong_name_and_wrong_password_look_the_same(
    nobody: httpx2.AsyncClient, name: str, password: str
) -> None:
    response = await sign_in(nobody, name, password)
    assert response.status_code == 401
    assert "The name or the password is wrong." in response.text
    assert "set-cookie" not in response.headers
    assert (await nobody.get("/")).status_code == 303


async def test_refusals_are_in_chinese_too(nobody: httpx2.AsyncClient) -> None:
    nobody.headers["accept-language"] = "zh-CN"
    assert "名称或密码不正确。" in (await sign_in(nobody, "anna", "wrong")).text
    assert "登录 Sightline" in (await nobody.get("/sign-in")).text


async def test_password_is_never_shown_again(nobody: httpx2.AsyncClient) -> None:
    assert "hunter2" not in (await sign_in(nobody, "anna", "hunter2")).text


@pytest.mark.parametrize(
    ("url", "is_secure"), [("http://localhost", False), ("https://localhost", True)]
)
async def test_cookie_is_kept_from_scripts_and_other_sites(
    app: ASGIApp, url: str, is_secure: bool
) -> None:
    async with visitor(app, url) as client:
        cookie = (await sign_in(client, "anna")).headers["set-cookie"].lower()
        assert (await client.get("/")).status_code == 200
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
    assert ("secure" in cookie.split("; ")) is is_secure
    assert cookie.startswith("__host-session=") is is_secure
    assert "domain" not in cookie


async def test_public_address_with_tls_makes_cookies_secure(
    generator: FakeGenerator, tmp_path: Path, people: Path
) -> None:
    app = app_with_accounts(generator, tmp_path, people, public_url="https://chat.example")
    async with lifespan(app), visitor(app, "http://chat.example") as client:
        assert "Secure" in (await sign_in(client, "anna")).headers["set-cookie"]


async def test_every_sign_in_begins_another_session(nobody: httpx2.AsyncClient) -> None:
    nobody.cookies.set("session", "chosen-by-somebody-else", domain="localhost.local")
    await sign_in(nobody, "anna")
    first = nobody.cookies["session"]
    await sign_in(nobody, "anna")
    second = nobody.cookies["session"]
    assert "chosen-by-somebody-else" not in (first, second) and first != second
    nobody.cookies.clear()
    nobody.cookies.set("session", first)
    assert (await nobody.get("/")).status_code == 303


async def test_sign_out_ends_the_session_and_not_only_the_cookie(
    anna: httpx2.AsyncClient,
) -> None:
    token = anna.cookies["session"]
    assert (await anna.post("/sign-out")).headers["location"] == "/sign-in"
    assert "session" not in anna.cookies
    anna.cookies.set("session", token)
    assert (await anna.get("/")).status_code == 303


async def test_sign_out_everywhere_ends_ones_own_sessions_only(
    app: ASGIApp, anna: httpx2.AsyncClient, boris: httpx2.AsyncClient
) -> None:
    async with signed_in(app, "anna") as phone:
        await anna.post("/account/sign-out-everywhere")
        assert (await phone.get("/")).status_code == 303
    assert (await boris.get("/")).status_code == 200


async def test_sessions_expire(generator: FakeGenerator, tmp_path: Path, people: Path) -> None:
    app = app_with_accounts(generator, tmp_path, people, session_s=60.0)
    async with lifespan(app), signed_in(app, "anna") as client:
        assert (await client.get("/")).status_code == 200
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sightline_web.store.rows.time.time_ns", _later(61))
            assert (await client.get("/")).status_code == 303


def _later(seconds: int):
    import time

    then = time.time_ns() + seconds * 10**9
    return lambda: then


async def test_token_is_not_stored(anna: httpx2.AsyncClient, tmp_path: Path) -> None:
    token = anna.cookies["session"].encode()
    assert token not in (tmp_path / "sightline.db-wal").read_bytes()


async def test_removed_person_is_out_at_once(anna: httpx2.AsyncClient, people: Path) -> None:
    remove(people, "anna")
    assert (await anna.get("/")).status_code == 303


async def test_new_password_ends_the_sessions_of_the_old_one(
    anna: httpx2.AsyncClient, boris: httpx2.AsyncClient, people: Path
) -> None:
    add(people, "anna", "another password", is_operator=False)
    assert (await anna.get("/")).status_code == 303
    assert (await boris.get("/")).status_code == 200
    assert (await sign_in(anna, "anna", "another password")).status_code == 303


async def test_without_its_file_there_is_nobody(anna: httpx2.AsyncClient, people: Path) -> None:
    await asyncio.to_thread(people.unlink)
    assert (await anna.get("/")).status_code == 303
    assert (await sign_in(anna, "anna")).status_code == 401


async def test_guessing_is_slowed_down_and_others_are_not(
    nobody: httpx2.AsyncClient, boris: httpx2.AsyncClient
) -> None:
    refused = [await sign_in(nobody, "anna", f"guess {number}") for number in range(11)]
    assert [each.status_code for each in refused] == [401] * 10 + [429]
    assert int(refused[-1].headers["retry-after"]) > 800
    assert "Try again in 15 minutes." in refused[-1].text
    assert (await sign_in(nobody, "anna")).status_code == 429
    assert (await sign_in(nobody, "boris")).status_code == 303


async def test_guesses_at_once_get_no_further(nobody: httpx2.AsyncClient) -> None:
    guesses = (sign_in(nobody, "anna", f"guess {number}") for number in range(30))
    statuses = [each.status_code for each in await asyncio.gather(*guesses)]
    assert statuses.count(401) == 10 and statuses.count(429) == 20


async def test_form_from_another_site_signs_nobody_in(nobody: httpx2.AsyncClient) -> None:
    nobody.headers["sec-fetch-site"] = "cross-site"
    assert (await sign_in(nobody, "anna")).status_code == 403


async def test_what_htmx_asks_for_says_that_one_is_signed_out(nobody: httpx2.AsyncClient) -> None:
    headers = {**HTMX, "hx-current-url": "http://localhost/c/abc?q=1"}
    response = await nobody.post("/c/abc/messages", data={"text": "hi"}, headers=headers)
    assert response.status_code == 401
    assert "You are signed out." in response.text and "<html" not in response.text
    assert 'href="/sign-in?next=/c/abc%3Fq%3D1"' in response.text


async def test_form_of_a_page_leads_back_to_the_page(nobody: httpx2.AsyncClient) -> None:
    headers = {"referer": "http://localhost/c/abc"}
    response = await nobody.post("/c/abc/messages", data={"text": "hi"}, headers=headers)
    assert response.headers["location"] == "/sign-in?next=/c/abc"


async def test_page_shows_who_is_signed_in(
    anna: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("fine"))
    place = (await ask(anna)).headers["location"]
    body = await settled(anna, place)
    assert ">anna</a>" in body and 'action="/sign-out"' in body


async def test_names_are_unique_in_one_spelling(generator: FakeGenerator, tmp_path: Path) -> None:
    people = password_file(tmp_path, **{"jos\u00e9": False})
    app = app_with_accounts(generator, tmp_path, people)
    async with lifespan(app), visitor(app) as client:
        assert (await sign_in(client, "jose\u0301")).status_code == 303


async def test_right_password_is_not_called_wrong_where_too_many_wait(
    nobody: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sightline_web.accounts.password_directory.MAX_WAITING", 0)
        for _ in range(MAX_PER_NAME_AND_ADDRESS + 1):  # none of them counts as an attempt
            busy = await sign_in(nobody, "anna")
            assert busy.status_code == 503 and "Try again in a moment." in busy.text
    assert (await sign_in(nobody, "anna")).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/language", "/theme", "/enter"])
@pytest.mark.parametrize(
    "options",
    [
        {"data": {"path": "x" * (MAX_SMALL_FIELD_BYTES + 1)}},
        {"data": {f"field-{number}": "x" for number in range(MAX_SMALL_FIELDS + 1)}},
        {"files": {"file": ("a.png", b"x", "image/png")}},
    ],
    ids=["long", "many", "file"],
)
async def test_forms_that_are_open_to_all_are_small(
    nobody: httpx2.AsyncClient, path: str, options: dict[str, dict[str, object]]
) -> None:
    assert (await nobody.post(path, **options)).status_code == 400


async def test_longest_password_fits_however_it_is_written(
    generator: FakeGenerator, tmp_path: Path
) -> None:
    password = "\U0001f600" * MAX_PASSWORD_LENGTH
    path = tmp_path / "people"
    write_entries(path, {"anna": Entry("anna", CHEAP.hash(password), False)})
    app = app_with_accounts(generator, tmp_path, path)
    async with lifespan(app), visitor(app) as client:
        assert (await sign_in(client, "anna", password)).status_code == 303
