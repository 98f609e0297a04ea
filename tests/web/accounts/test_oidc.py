"""Signing in at an OpenID provider."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey, RSAKey
from sightline_common.config import SettingInvalidError
from sightline_web.accounts.claims import read_rule, shown_name
from sightline_web.accounts.oidc_directory import OidcDirectory, Rules
from sightline_web.accounts.oidc_provider import Client, OidcProvider
from sightline_web.accounts.opening import open_directory
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from starlette.types import ASGIApp

from tests.web.accounts.people import app_with_accounts, password_file, sign_in, visitor
from tests.web.accounts.provider import CLIENT_ID, CLIENT_SECRET, ISSUER, FakeProvider
from tests.web.accounts.test_owners import routes_of
from tests.web.chat.talk import ask
from tests.web.fakes import FakeGenerator
from tests.web.migrated import migrated_database
from tests.web.servers import lifespan

RULES = Rules(required=None, operator=read_rule("groups=operators"))


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


def build(
    generator: FakeGenerator, folder: Path, provider: FakeProvider, rules: Rules = RULES
) -> ASGIApp:
    client = Client(CLIENT_ID, provider.secret, "openid profile")
    transport = httpx2.ASGITransport(provider.app())
    directory = OidcDirectory(OidcProvider(ISSUER, client, transport), rules, "")
    settings = WebSettings(data_dir=folder, port=0, drain_s=1.0)
    return create_app(generator, migrated_database(settings), settings, directory)


@pytest.fixture
async def app(
    generator: FakeGenerator, tmp_path: Path, provider: FakeProvider
) -> AsyncIterator[ASGIApp]:
    app = build(generator, tmp_path, provider)
    async with lifespan(app):
        yield app


async def sent_back(
    client: httpx2.AsyncClient, provider: FakeProvider, path: str = "/", **changes: str
) -> str:
    """Goes to the provider as a browser does; returns the address that leads back."""
    started = await client.get("/sign-in/start", params={"next": path})
    assert started.status_code == 303
    asked = {
        name: values[0]
        for name, values in parse_qs(urlsplit(started.headers["location"]).query).items()
    }
    transport = httpx2.ASGITransport(provider.app())
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as at_provider:
        return (await at_provider.get("/authorize", params={**asked, **changes})).headers[
            "location"
        ]


async def come_in(
    client: httpx2.AsyncClient, provider: FakeProvider, path: str = "/", **changes: str
) -> httpx2.Response:
    return await client.get(await sent_back(client, provider, path, **changes))


async def is_in(client: httpx2.AsyncClient) -> bool:
    return (await client.get("/")).status_code == 200


@pytest.mark.parametrize("key", [None, ECKey.generate_key("P-256", {"kid": "second"})])
@pytest.mark.parametrize("secret", [CLIENT_SECRET, ""])
async def test_person_of_the_provider_comes_in_where_they_wanted_to(
    generator: FakeGenerator, tmp_path: Path, key: ECKey | None, secret: str
) -> None:
    provider = FakeProvider(secret=secret)
    provider.key = key or provider.key
    app = build(generator, tmp_path, provider)
    async with lifespan(app), visitor(app) as client:
        turned_away = await client.get("/c/abc?x=1")
        form = await client.get(turned_away.headers["location"])
        assert 'href="/sign-in/start?next=/c/abc%3Fx%3D1"' in form.text and "<form" in form.text
        response = await come_in(client, provider, "/c/abc?x=1")
        assert (response.status_code, response.headers["location"]) == (303, "/c/abc?x=1")
        assert ">Anna</a>" in (await client.get("/")).text


async def test_secret_can_be_posted(
    generator: FakeGenerator, tmp_path: Path, provider: FakeProvider
) -> None:
    provider.description["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    app = build(generator, tmp_path, provider)
    async with lifespan(app), visitor(app) as client:
        await come_in(client, provider)
        assert await is_in(client)


NOW = int(time.time())


@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": None},
     {"aud": [CLIENT_ID, "another"]}, {"aud": [CLIENT_ID, "another"], "azp": "another"},
     {"azp": "another"}, {"exp": NOW - 3600}, {"exp": None}, {"iat": None}, {"iat": NOW + 3600},
     {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"sub": ""}, {"sub": "x" * 256},
     {"nbf": NOW + 3600}],
    ids=range(17),  # the clock goes on
)  # fmt: skip
async def test_identity_that_does_not_fit_is_refused(
    app: ASGIApp, provider: FakeProvider, changes: dict[str, object]
) -> None:
    provider.changes = changes
    async with visitor(app) as client:
        assert (await come_in(client, provider)).status_code == 502
        assert not await is_in(client)


@pytest.mark.parametrize(
    "audience", [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID}]
)
async def test_identity_with_a_list_of_parties_is_accepted(
    app: ASGIApp, provider: FakeProvider, audience: dict[str, object]
) -> None:
    provider.changes = audience
    async with visitor(app) as client:
        await come_in(client, provider)
        assert await is_in(client)


async def test_signature_of_another_key_is_refused(app: ASGIApp, provider: FakeProvider) -> None:
    provider.published = [RSAKey.generate_key(2048, {"kid": "first"})]
    async with visitor(app) as client:
        assert (await come_in(client, provider)).status_code == 502
        assert not await is_in(client)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
async def test_what_a_client_could_sign_is_refused(
    app: ASGIApp, provider: FakeProvider, algorithm: str
) -> None:
    provider.forged = algorithm
    async with visitor(app) as client:
        assert (await come_in(client, provider)).status_code == 502
        assert not await is_in(client)


async def test_new_key_of_the_provider_is_asked_for(
    app: ASGIApp, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.accounts.oidc_provider.MIN_REFRESH_S", 0.0)
    async with visitor(app) as client:
        await come_in(client, provider)
        provider.key = RSAKey.generate_key(2048, {"kid": "second"})
        await come_in(client, provider)
        assert await is_in(client)
        assert provider.asked.count("keys") == 2 and provider.asked.count("description") == 1


async def test_unknown_keys_do_not_make_us_ask_without_end(
    app: ASGIApp, provider: FakeProvider
) -> None:
    provider.header = {"kid": "unknown"}
    async with visitor(app) as client:
        for _ in range(5):
            assert (await come_in(client, provider)).status_code == 502
    assert provider.asked.count("keys") == 1


async def test_answer_to_another_browser_is_refused(app: ASGIApp, provider: FakeProvider) -> None:
    async with visitor(app) as attacker, visitor(app) as victim:
        address = await sent_back(attacker, provider)
        assert (await victim.get(address)).status_code == 401
        await victim.get("/sign-in/start")
        assert (await victim.get(address)).status_code == 401
        assert not await is_in(victim)
    assert "token" not in provider.asked


async def test_answer_counts_once(app: ASGIApp, provider: FakeProvider) -> None:
    async with visitor(app) as client:
        address = await sent_back(client, provider)
        begun = client.cookies["sign-in"]
        assert (await client.get(address)).status_code == 303
        assert "sign-in" not in client.cookies
        assert (await client.get(address)).status_code == 401
        client.cookies.set("sign-in", begun)
        assert (await client.get(address)).status_code == 502


async def test_stolen_code_is_worth_nothing_without_its_verifier(
    app: ASGIApp, provider: FakeProvider
) -> None:
    async with visitor(app) as attacker, visitor(app) as victim:
        stolen = parse_qs(urlsplit(await sent_back(victim, provider)).query)["code"][0]
        own = parse_qs(urlsplit(await sent_back(attacker, provider)).query)
        address = f"/sign-in/callback?code={stolen}&state={own['state'][0]}"
        assert (await attacker.get(address)).status_code == 502
        assert not await is_in(attacker)


@pytest.mark.parametrize(
    "query", ["error=access_denied", "", "code=none", "iss=https://evil.example&code=x"]
)
async def test_what_else_the_provider_may_say_leads_back_to_the_form(
    app: ASGIApp, query: str
) -> None:
    async with visitor(app) as client:
        started = await client.get("/sign-in/start?next=/c/abc")
        state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]
        response = await client.get(f"/sign-in/callback?{query}&state={state}")
        assert response.status_code == 502 and "The sign-in failed." in response.text
        assert "/sign-in/start?next=/c/abc" in response.text


@pytest.mark.parametrize(
    "description",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://id.example/token"},
     {"token_endpoint": "https://["},
     {"jwks_uri": None}, {"authorization_endpoint": "javascript:alert(1)"}],
    ids=str,
)  # fmt: skip
async def test_provider_that_describes_itself_oddly_is_not_asked(
    app: ASGIApp, provider: FakeProvider, description: dict[str, object]
) -> None:
    provider.description = description
    async with visitor(app) as client:
        assert (await client.get("/sign-in/start")).status_code == 502


async def test_provider_that_is_away_fails_the_sign_in_alone(
    generator: FakeGenerator, tmp_path: Path
) -> None:
    provider = OidcProvider("http://127.0.0.1:9", Client(CLIENT_ID, "", "openid"))
    settings = WebSettings(data_dir=tmp_path, port=0)
    directory = OidcDirectory(provider, RULES, "")
    app = create_app(generator, migrated_database(settings), settings, directory)
    async with lifespan(app), visitor(app) as client:
        response = await client.get("/sign-in/start", headers={"accept-language": "zh"})
        assert response.status_code == 502 and "登录失败" in response.text
        assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("groups", "is_operator"),
    [(["staff", "operators"], True), ("operators", True), (["staff"], False), (None, False)],
)
async def test_role_comes_from_a_claim(
    app: ASGIApp, provider: FakeProvider, groups: object, is_operator: bool
) -> None:
    provider.person["groups"] = groups
    async with visitor(app) as client:
        await come_in(client, provider)
        assert (await client.get("/operator")).status_code != (403 if is_operator else 200)


async def test_who_lacks_the_required_claim_stays_out(
    generator: FakeGenerator, tmp_path: Path, provider: FakeProvider
) -> None:
    app = build(generator, tmp_path, provider, Rules(read_rule("hd=corp.example"), None))
    async with lifespan(app), visitor(app) as client:
        assert (await come_in(client, provider)).status_code == 403
        assert not await is_in(client)
        provider.person["hd"] = "corp.example"
        await come_in(client, provider)
        assert await is_in(client)


async def test_people_are_told_apart_by_subject_and_not_by_name(
    app: ASGIApp, provider: FakeProvider
) -> None:
    async with visitor(app) as anna, visitor(app) as other:
        await come_in(anna, provider)
        place = (await ask(anna)).headers["location"]
        provider.person = {"sub": "another", "name": "Anna"}
        await come_in(other, provider)
        assert (await other.get(place)).status_code == 404
        provider.person = {"sub": "anna", "name": "Anna Married"}
        await come_in(other, provider)
        assert (await other.get(place)).status_code == 200


async def test_session_of_a_password_is_worth_nothing_at_a_provider(
    generator: FakeGenerator, tmp_path: Path, provider: FakeProvider
) -> None:
    first = app_with_accounts(generator, tmp_path, password_file(tmp_path))
    async with lifespan(first), visitor(first) as client:
        await sign_in(client, "anna")
        token = client.cookies["session"]
    second = build(generator, tmp_path, provider)
    async with lifespan(second), visitor(second) as client:
        client.cookies.set("session", token)
        assert not await is_in(client)


def test_routes_of_this_way_are_open_pages_and_no_others(app: ASGIApp) -> None:
    ways = {route for route in routes_of(app) if "/sign-in" in route}
    assert ways == {"GET /sign-in", "GET /sign-in/start", "GET /sign-in/callback"}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Anna", "sub": "1"}, "Anna"),
        ({"name": "\u202e\n", "email": "a@b.example"}, "a@b.example"),
        ({"name": "x" * 100}, "x" * 64),
        ({"name": None, "preferred_username": "anna"}, "anna"),
        ({"name": "An\u202ena\r\n"}, "Anna"),
        ({}, "?"),
    ],
)
def test_name_is_only_what_can_be_shown(claims: dict[str, object], name: str) -> None:
    assert shown_name(claims) == name


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({"auth": "oidc:https://id.example"}, "SIGHTLINE_OIDC_CLIENT_ID"),
        ({"auth": "oidc:http://id.example", "oidc_client_id": "a"}, "SIGHTLINE_AUTH"),
        ({"auth": "oidc:https://[", "oidc_client_id": "a"}, "SIGHTLINE_AUTH"),
        (
            {"auth": f"oidc:{ISSUER}", "oidc_client_id": "a", "oidc_operator_claim": "x"},
            "SIGHTLINE_OIDC_OPERATOR_CLAIM",
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, str], variable: str) -> None:
    with pytest.raises(SettingInvalidError, match=variable):
        open_directory(WebSettings(**settings))  # type: ignore[arg-type]


def test_provider_is_opened_from_settings() -> None:
    settings = WebSettings(auth=f"oidc:{ISSUER}", oidc_client_id="a", oidc_client_secret="b")
    assert isinstance(open_directory(settings), OidcDirectory)
