"""Whose salt a request carries, on the page and through the API."""

from __future__ import annotations

import httpx2
import pytest
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


async def test_own_salt_sets_a_part_of_ones_own_apart_and_reaches_nobody_elses(
    nobody: httpx2.AsyncClient,
    anna: httpx2.AsyncClient,
    boris: httpx2.AsyncClient,
    generator: FakeGenerator,
) -> None:
    keys = [await made(anna), await made(boris)]
    whole = [await salt_of_a_key(nobody, generator, key) for key in keys]
    named = [(key, name) for key in keys for name in ("mine", whole[0])]
    parts = [await salt_of_a_key(nobody, generator, key, cache_salt=name) for key, name in named]
    assert len({*whole, *parts}) == 6
    assert await salt_of_a_key(nobody, generator, keys[0], cache_salt="mine") == parts[0]


@pytest.mark.parametrize("salt", ["", "x" * 257, 7])
async def test_senseless_salts_are_refused(
    nobody: httpx2.AsyncClient, anna: httpx2.AsyncClient, salt: object
) -> None:
    asked = {**QUESTION, "cache_salt": salt}
    headers = bearer(await made(anna))
    answer = await nobody.post("/v1/chat/completions", json=asked, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "cache_salt")


async def test_only_operators_pass_others(
    nobody: httpx2.AsyncClient,
    anna: httpx2.AsyncClient,
    olga: httpx2.AsyncClient,
    generator: FakeGenerator,
) -> None:
    async def ask_with(client: httpx2.AsyncClient, priority: int) -> httpx2.Response:
        asked = {**QUESTION, "priority": priority}
        headers = bearer(await made(client))
        return await nobody.post("/v1/chat/completions", json=asked, headers=headers)

    assert (await ask_with(anna, 5)).status_code == 200
    assert generator.requests[-1].priority == -5, "lower numbers run earlier, as in vLLM"
    refused = await ask_with(anna, -5)
    assert (refused.status_code, refused.json()["error"]["param"]) == (403, "priority")
    assert (await ask_with(olga, -5)).status_code == 200
    assert generator.requests[-1].priority == 5
