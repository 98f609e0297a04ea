"""Whose salt a request carries, on the page and through the API."""

from __future__ import annotations

import httpx2
from sightline_common.digest import is_digest

from tests.web.accounts.test_api_keys import bearer, made
from tests.web.chat.talk import ask
from tests.web.fakes import FakeGenerator, eventually

QUESTION = {"model": "sightline-nano", "messages": [{"role": "user", "content": "Hi"}]}


async def salt_on_the_page(client: httpx2.AsyncClient, generator: FakeGenerator) -> str:
    count = len(generator.requests)
    await ask(client)

    async def asked() -> bool:
        return len(generator.requests) > count

    await eventually(asked)
    return generator.requests[-1].cache_salt


async def salt_of_a_key(
    nobody: httpx2.AsyncClient, generator: FakeGenerator, key: str, **more: str
) -> str:
    asked = {**QUESTION, **more}
    answer = await nobody.post("/v1/chat/completions", json=asked, headers=bearer(key))
    assert answer.status_code == 200
    return generator.requests[-1].cache_salt


async def test_people_have_salts_of_their_own_on_the_page_and_through_the_api(
    nobody: httpx2.AsyncClient,
    anna: httpx2.AsyncClient,
    boris: httpx2.AsyncClient,
    generator: FakeGenerator,
) -> None:
    salts = [await salt_on_the_page(client, generator) for client in (anna, boris)]
    assert len({*salts, ""}) == 3
    for client, salt in zip((anna, boris), salts, strict=True):
        assert await salt_of_a_key(nobody, generator, await made(client)) == salt
    assert await salt_on_the_page(anna, generator) == salts[0]
    assert not any(is_digest(salt) for salt in salts), "no hash that anybody could compute"


async def test_nobody_chooses_a_salt(
    nobody: httpx2.AsyncClient, anna: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    key = await made(anna)
    own = await salt_of_a_key(nobody, generator, key)
    assert await salt_of_a_key(nobody, generator, key, cache_salt="mine") == own
