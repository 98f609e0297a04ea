"""Every route, for every kind of asker: nobody reaches what is another's.

The routes are those of the application itself. One that is not classified here fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import product

import httpx2
import pytest
import pytest_asyncio
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from tests.web.accounts.belongings import SECRET, Belongings, given_to
from tests.web.accounts.people import (
    app_with_accounts,
    password_file,
    signed_in,
    starlette_in,
    visitor,
)
from tests.web.accounts.test_api_keys import bearer
from tests.web.chat.talk import HTMX
from tests.web.fakes import FakeGenerator, png
from tests.web.pdf.files import coloured
from tests.web.servers import lifespan

OPEN, SIGNED_IN, OWN, KEY, OPERATOR = "open", "signed in", "own", "key", "operator"
ROUTES = {
    "GET /health": OPEN,
    "GET /ready": OPEN,
    "MOUNT /static": OPEN,
    "GET /sign-in": OPEN,
    "POST /sign-in": OPEN,
    "GET /s/{token}": OPEN,
    "GET /s/{token}/attachments/{digest}": OPEN,
    "POST /language": OPEN,
    "POST /theme": OPEN,
    "POST /enter": OPEN,
    "POST /sign-out": SIGNED_IN,
    "GET /account": SIGNED_IN,
    "POST /account/sign-out-everywhere": SIGNED_IN,
    "POST /account/keys": SIGNED_IN,
    "POST /account/keys/{key_id}/revoke": OWN,
    "GET /": SIGNED_IN,
    "GET /history": SIGNED_IN,
    "POST /c": SIGNED_IN,
    "GET /settings": SIGNED_IN,
    "POST /settings": SIGNED_IN,
    "POST /presets": SIGNED_IN,
    "POST /presets/{name}": SIGNED_IN,
    "POST /presets/{preset_id}/rename": OWN,
    "POST /presets/{preset_id}/delete": OWN,
    "POST /import": SIGNED_IN,
    "POST /attachments": SIGNED_IN,
    "GET /attachments/{digest}": OWN,
    "DELETE /attachments/{digest}": OWN,
    "POST /attachments/{digest}/pages": OWN,
    "GET /c/{conversation_id}": OWN,
    "POST /c/{conversation_id}/messages": OWN,
    "GET /c/{conversation_id}/earlier": OWN,
    "GET /c/{conversation_id}/settings": OWN,
    "POST /c/{conversation_id}/settings": OWN,
    "POST /c/{conversation_id}/title": OWN,
    "POST /c/{conversation_id}/pin": OWN,
    "POST /c/{conversation_id}/share": OWN,
    "POST /c/{conversation_id}/unshare": OWN,
    "POST /c/{conversation_id}/delete": OWN,
    "POST /c/{conversation_id}/restore": OWN,
    "GET /c/{conversation_id}/export.md": OWN,
    "GET /c/{conversation_id}/export.html": OWN,
    "GET /c/{conversation_id}/export.json": OWN,
    "GET /m/{message_id}.md": OWN,
    "GET /m/{message_id}/stream": OWN,
    "POST /m/{message_id}/stop": OWN,
    "POST /m/{message_id}/regenerate": OWN,
    "POST /m/{message_id}/continue": OWN,
    "GET /m/{message_id}/edit": OWN,
    "POST /m/{message_id}/edit": OWN,
    "POST /m/{message_id}/show": OWN,
    "GET /operator": OPERATOR,
    "GET /operator/figures": OPERATOR,
    "POST /v1/chat/completions": KEY,
    "GET /v1/models": KEY,
    "GET /v1/models/{name:path}": KEY,
}
FORM = {"text": "hello", "title": "mine", "name": "x", "preset_name": "x", "days": "30"}
UNTOLD = {"DELETE /attachments/{digest}"}
"""Answers the same whether there is something or not."""


def routes_of(app: ASGIApp) -> Iterator[str]:
    for route in starlette_in(app).routes:
        if isinstance(route, Mount):
            yield f"MOUNT {route.path}"
        elif isinstance(route, Route):
            yield from (
                f"{method} {route.path}" for method in route.methods or () if method != "HEAD"
            )
        else:
            yield f"{type(route).__name__} {route}"


def test_every_route_is_classified(app: ASGIApp) -> None:
    assert sorted(routes_of(app)) == sorted(ROUTES)


@pytest.fixture
async def annas(anna: httpx2.AsyncClient, generator: FakeGenerator) -> Belongings:
    return await given_to(anna, generator)


@dataclass(frozen=True)
class World:
    """People and what anna has, for requests after which everything is as it was."""

    anna: httpx2.AsyncClient
    boris: httpx2.AsyncClient
    olga: httpx2.AsyncClient
    nobody: httpx2.AsyncClient
    annas: Belongings
    generator: FakeGenerator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder, generator = tmp_path_factory.mktemp("world"), FakeGenerator()
    app = app_with_accounts(generator, folder, password_file(folder))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(lifespan(app))
        anna, boris, olga = [
            await enter(signed_in(app, name)) for name in ("anna", "boris", "olga")
        ]
        annas = await given_to(anna, generator)
        yield World(anna, boris, olga, await enter(visitor(app)), annas, generator)


async def fitting(anna: httpx2.AsyncClient, annas: Belongings, route: str) -> Belongings:
    """Returns belongings with which the owner reaches a route."""
    if route.endswith("/edit"):
        return replace(annas, ids={**annas.ids, "message_id": annas.more["question"]})
    if route.endswith("/pages"):
        files = {"files": (f"{SECRET}.pdf", coloured((1, 0, 0)), "application/pdf")}
        body = (await anna.post("/attachments", files=files, headers=HTMX)).text
        digest = re.search(r"/attachments/([0-9a-f]{64})/pages", body)
        assert digest
        return replace(annas, ids={**annas.ids, "digest": digest[1]})
    return annas


async def everything(client: httpx2.AsyncClient, annas: Belongings) -> list[str]:
    """Returns all that its owner can see, without what changes by looking."""
    seen = [(await client.get(annas.place)).text, (await client.get("/account")).text]
    document = (await client.get(f"{annas.place}/export.json")).json()
    picture = await client.get(f"/attachments/{annas.ids['digest']}")
    link = await client.get(f"/s/{annas.ids['token']}")
    return [*seen, json.dumps(document), str(picture.status_code), link.text]


async def answer(client: httpx2.AsyncClient, route: str, annas: Belongings, **headers: str):
    method = route.split(" ")[0]
    data = {"data": FORM} if method == "POST" else {}
    return await client.request(method, annas.path(route), headers=headers, **data)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", [route for route, kind in ROUTES.items() if kind == OWN])
async def test_another_owner_reaches_nothing(world: World, route: str) -> None:
    anna, annas = world.anna, await fitting(world.anna, world.annas, route)
    before, asked = await everything(anna, annas), len(world.generator.requests)
    for asker, headers in product((world.boris, world.olga), ({}, HTMX)):
        response = await answer(asker, route, annas, **headers)
        assert response.status_code == (200 if route in UNTOLD else 404)
        assert SECRET not in response.text and "Anna" not in response.text
    assert await everything(anna, annas) == before
    assert len(world.generator.requests) == asked


@pytest.mark.parametrize("route", [route for route, kind in ROUTES.items() if kind == OWN])
async def test_its_owner_reaches_it(
    anna: httpx2.AsyncClient, annas: Belongings, route: str
) -> None:
    """Shows that the requests above fail for no other reason."""
    response = await answer(anna, route, await fitting(anna, annas, route))
    assert response.status_code in (200, 303)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "route", [route for route, kind in ROUTES.items() if kind in (SIGNED_IN, OWN, OPERATOR)]
)
async def test_nobody_is_sent_to_sign_in(world: World, route: str) -> None:
    anna, annas = world.anna, world.annas
    before, asked = await everything(anna, annas), len(world.generator.requests)
    response = await answer(world.nobody, route, annas)
    assert response.status_code == 303 and response.headers["location"].startswith("/sign-in")
    assert (await answer(world.nobody, route, annas, **HTMX)).status_code == 401
    assert await everything(anna, annas) == before
    assert len(world.generator.requests) == asked


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", [route for route, kind in ROUTES.items() if kind == KEY])
async def test_api_needs_a_key(world: World, route: str) -> None:
    assert (await answer(world.nobody, route, world.annas)).status_code == 401


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", [route for route, kind in ROUTES.items() if kind == OPERATOR])
async def test_operators_pages_are_for_operators(world: World, route: str) -> None:
    assert (await answer(world.boris, route, world.annas)).status_code == 403
    assert (await answer(world.olga, route, world.annas)).status_code == 200


@pytest.mark.parametrize("route", [route for route, kind in ROUTES.items() if kind == OPEN])
async def test_open_routes_tell_nobody_of_a_conversation_that_is_not_shared(
    anna: httpx2.AsyncClient, nobody: httpx2.AsyncClient, annas: Belongings, route: str
) -> None:
    if route.startswith("MOUNT"):
        route = "GET /static/site.css"
    shared = await answer(nobody, route, annas)
    assert shared.status_code in (200, 303, 401)
    await anna.post(f"{annas.place}/unshare")
    assert SECRET not in (await answer(nobody, route, annas)).text


async def test_lists_and_searches_show_ones_own(
    anna: httpx2.AsyncClient, boris: httpx2.AsyncClient, annas: Belongings
) -> None:
    paths = ("/", "/history", "/history?q=secret", "/?q=Anna", f"/?removed={annas.place[3:]}")
    for path in paths:
        assert SECRET not in (await boris.get(path)).text
        assert annas.place not in (await boris.get(path)).text
    assert annas.place in (await anna.get("/history?q=secret")).text
    await anna.post(f"{annas.place}/delete")
    assert "deleted" not in (await boris.get(f"/?removed={annas.place[3:]}")).text


async def test_picture_of_another_owner_cannot_be_sent_or_read_in(
    boris: httpx2.AsyncClient, annas: Belongings, generator: FakeGenerator
) -> None:
    asked = len(generator.requests)
    data = {"text": "What is this?", "attachment": f"sha256:{annas.ids['digest']}"}
    assert (await boris.post("/c", data=data)).status_code == 422
    document = {
        "format": "sightline-conversation", "version": 1, "title": "t", "settings": {},
        "head": "1", "pictures": [],
        "messages": [{"id": "1", "parent": None, "role": "user", "text": "x", "reasoning": "",
                      "status": "complete", "reason": "", "stats": {},
                      "pictures": [f"sha256:{annas.ids['digest']}"]}],
    }  # fmt: skip
    files = {"files": ("a.json", json.dumps(document), "application/json")}
    assert (await boris.post("/import", files=files)).status_code in (404, 422)
    assert len(generator.requests) == asked


async def test_pages_of_a_person_are_kept_by_no_shared_cache(
    anna: httpx2.AsyncClient, annas: Belongings
) -> None:
    for route in (route for route, kind in ROUTES.items() if kind in (OWN, SIGNED_IN)):
        if route.startswith("GET"):
            kept = (await answer(anna, route, annas)).headers["cache-control"]
            assert "no-store" in kept or kept.startswith("private"), route


async def test_same_picture_of_two_owners_is_deleted_for_one_only(
    boris: httpx2.AsyncClient, anna: httpx2.AsyncClient, annas: Belongings
) -> None:
    files = {"files": ("mine.png", png(1, 2, 3), "image/png")}
    await boris.post("/attachments", files=files, headers=HTMX)
    assert (await boris.get(f"/attachments/{annas.ids['digest']}")).status_code == 200
    await boris.delete(f"/attachments/{annas.ids['digest']}")
    assert (await boris.get(f"/attachments/{annas.ids['digest']}")).status_code == 404
    assert (await anna.get(f"/attachments/{annas.ids['digest']}")).status_code == 200


async def test_probes_and_bearer_do_not_mix(nobody: httpx2.AsyncClient) -> None:
    assert (await nobody.get("/health", headers=bearer("sl-wrong"))).status_code == 200
