"""What requests meet before any route."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from sightline_web.middleware.origin import is_trusted
from starlette.datastructures import Headers
from starlette.types import ASGIApp

from tests.web.fakes import FakeGenerator

URL = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("", False), ("a b", False), ("x" * 129, False), ("a\x1b[31m", False)],
)
async def test_harmless_request_id_is_returned_and_others_replaced(
    client: httpx2.AsyncClient, given: str, kept: bool
) -> None:
    response = await client.get("/health", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) is kept
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/static/site.css", "/v1/models"])
async def test_every_response_has_the_security_headers(
    client: httpx2.AsyncClient, path: str
) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/nothing"])
async def test_policy_names_the_style_sheet_that_is_sent(
    client: httpx2.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    (style,) = re.findall("<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"])
async def test_local_hosts_are_served(client: httpx2.AsyncClient, host: str) -> None:
    assert (await client.get("/v1/models", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "a/v1/models?", "localhost.evil.example", ""])
async def test_other_hosts_are_refused(client: httpx2.AsyncClient, host: str) -> None:
    response = await client.get("/v1/models", headers={"host": host})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "host_not_allowed"


async def test_probes_may_come_to_any_address(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health", headers={"host": "10.1.2.3:8080"})).status_code == 200
    assert (await client.get("/", headers={"host": "10.1.2.3:8080"})).status_code == 400


async def test_declared_size_over_limit_is_413(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    response = await client.post(URL, content=b"x" * (2**20 + 1), headers=JSON)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"
    assert generator.requests == []


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 2**16


async def test_chunked_size_over_limit_is_413(client: httpx2.AsyncClient) -> None:
    response = await client.post(URL, content=chunks(17), headers=JSON)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


async def test_chunked_size_at_limit_is_read(client: httpx2.AsyncClient) -> None:
    response = await client.post(URL, content=chunks(16), headers=JSON)
    assert response.json()["error"]["code"] == "invalid_json"


async def test_chunked_form_over_limit_is_413(client: httpx2.AsyncClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await client.post("/c", content=chunks(17), headers=headers)
    assert response.status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "x", "99999999999999999999999"])
async def test_senseless_content_length_is_refused(app: ASGIApp, length: str) -> None:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post(URL, headers={**JSON, "content-length": length}, content=b"")
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("headers", "trusted"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://localhost:8080", "host": "localhost:8080"}, True),
        ({"origin": "http://localhost:9999", "host": "localhost:8080"}, False),
        ({"origin": "https://evil.example", "host": "localhost:8080"}, False),
        ({"origin": "null", "host": "localhost:8080"}, False),
        ({"origin": "http://[", "host": "localhost:8080"}, False),
        ({"sec-fetch-site": "cross-site", "authorization": "Bearer k"}, True),
        ({"sec-fetch-site": "cross-site", "authorization": "Bearer k", "cookie": "a=b"}, False),
        ({"sec-fetch-site": "cross-site", "authorization": "Basic k"}, False),
    ],
)
def test_only_our_own_pages_and_programs_may_change_things(
    headers: dict[str, str], trusted: bool
) -> None:
    assert is_trusted("POST", Headers(headers)) is trusted
    assert is_trusted("GET", Headers(headers))


async def test_cross_site_form_is_refused(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    response = await client.post("/c", data={"text": "hi"}, headers=headers)
    assert response.status_code == 403
    assert generator.requests == []


async def test_huge_header_is_refused_and_large_body_is_not(web: httpx2.AsyncClient) -> None:
    refused = await web.get("/health", headers={"x-big": "a" * 70_000})
    large = await web.post(URL, content=b" " * 3 * 2**20, headers=JSON)
    assert refused.status_code in (400, 431)
    assert large.json()["error"]["code"] == "invalid_json"
    assert (await web.get("/health")).status_code == 200


async def test_headers_over_limit_are_431(client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/models", headers={"x-big": "a" * 2**14})
    assert response.status_code == 431
    assert response.json()["error"]["code"] == "headers_too_large"
