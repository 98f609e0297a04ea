"""An OpenID provider: its description, its keys, and codes for identities."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from sightline_common.config import SettingInvalidError

from sightline_web.accounts.claims import Claims

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures with public keys only: none of them can be made with what a client knows."""
MAX_AGE_S = 3600.0
MIN_REFRESH_S = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
TIMEOUT_S = 10.0
LEEWAY_S = 60
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderError(Exception):
    """Means that the provider is not to be reached or said what cannot be believed."""


@dataclass(frozen=True)
class Client:
    """What the provider knows this service as; without a secret, PKCE alone protects codes."""

    client_id: str
    secret: str
    scopes: str


class OidcProvider:
    """Speaks to one provider; what it said of itself is remembered for an hour."""

    def __init__(
        self,
        issuer: str,
        client: Client,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _is_safe(issuer):
            raise SettingInvalidError(f"SIGHTLINE_AUTH: the issuer {issuer} must be https.")
        self.issuer = issuer
        self._client = client
        self._transport = transport
        self._clock = clock
        self._description: Mapping[str, Any] = {}
        self._described_at = -MAX_AGE_S
        self._keys = KeySet([])
        self._keys_at = -MAX_AGE_S

    async def sign_in_address(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Returns where a person signs in (OpenID Connect Core 3.1.2.1, RFC 7636)."""
        query = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address: str = (await self._describe())["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def claims(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Claims:
        """Exchanges a code and returns what the identity token says; ProviderError if it lies."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        description = await self._describe()
        answer = await self._ask("POST", description["token_endpoint"], self._authorized(form))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("no identity token came")
        return self._checked((await self._opened(token)).claims, description["issuer"], nonce)

    async def check_issuer(self, issuer: str) -> None:
        """Raises ProviderError where an answer names another issuer (RFC 9207)."""
        if issuer != (await self._describe())["issuer"]:
            raise ProviderError("another issuer answered")

    def _authorized(self, form: dict[str, str]) -> dict[str, Any]:
        if not self._client.secret:
            return {"data": {**form, "client_id": self._client.client_id}}
        methods = self._description.get("token_endpoint_auth_methods_supported", [])
        if "client_secret_post" in methods and "client_secret_basic" not in methods:
            secret = {"client_id": self._client.client_id, "client_secret": self._client.secret}
            return {"data": {**form, **secret}}
        written = (quote_plus(self._client.client_id), quote_plus(self._client.secret))
        return {"data": form, "auth": written}  # RFC 6749, 2.3.1

    async def _opened(self, token: str) -> jwt.Token:
        """Checks a signature; keys that are not known yet are asked for once."""
        if self._clock() - self._keys_at >= MAX_AGE_S:
            await self._fetch_keys()
        try:
            return _opened(token, self._keys)
        except InvalidKeyIdError:
            if self._clock() - self._keys_at < MIN_REFRESH_S:
                raise ProviderError("the identity token's key is unknown") from None
        await self._fetch_keys()
        try:
            return _opened(token, self._keys)
        except InvalidKeyIdError:
            raise ProviderError("the identity token's key is unknown") from None

    def _checked(self, claims: dict[str, Any], issuer: str, nonce: str) -> Claims:
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": self._client.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise ProviderError(f"the identity token: {error}") from None
        audience = claims["aud"]
        party = claims.get("azp", None if isinstance(audience, list) and audience[1:] else "")
        if party not in ("", self._client.client_id):
            raise ProviderError("the identity token is for another party")
        return claims

    async def _fetch_keys(self) -> None:
        answer = await self._ask("GET", (await self._describe())["jwks_uri"])
        try:
            usable = [
                key
                for key in answer["keys"]
                if key.get("use", "sig") == "sig" and key["kty"] in ("RSA", "EC")
            ]
            self._keys = KeySet.import_key_set({"keys": usable})
        except (JoseError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise ProviderError("the provider's keys cannot be read") from error
        self._keys_at = self._clock()

    async def _describe(self) -> Mapping[str, Any]:
        if self._clock() - self._described_at >= MAX_AGE_S:
            address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            self._description = _checked_description(await self._ask("GET", address), self.issuer)
            self._described_at = self._clock()
        return self._description

    async def _ask(
        self, method: str, address: str, options: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            async with (
                asyncio.timeout(3 * TIMEOUT_S),
                httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT_S) as http,
                http.stream(method, address, **(options or {})) as response,
            ):
                answer = json.loads(await _bounded(response))
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            raise ProviderError(f"{address} cannot be read: {type(error).__name__}") from None
        if response.status_code != 200 or not isinstance(answer, dict):
            raise ProviderError(f"{address} answered {response.status_code}")
        return answer


def _opened(token: str, keys: KeySet) -> jwt.Token:
    try:
        return jwt.decode(token, keys, algorithms=list(ALGORITHMS))
    except InvalidKeyIdError:
        raise
    except (JoseError, ValueError) as error:
        raise ProviderError(f"the identity token: {type(error).__name__}") from None


async def _bounded(response: httpx2.Response) -> bytes:
    """Reads an answer's body; raises ValueError when it has no end."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too large")
    return bytes(body)


def _checked_description(answer: dict[str, Any], issuer: str) -> dict[str, Any]:
    if str(answer.get("issuer")).rstrip("/") != issuer.rstrip("/"):
        raise ProviderError("the provider calls itself by another name")
    if not all(_is_safe(answer.get(name)) for name in _ENDPOINTS):
        raise ProviderError("an endpoint of the provider is missing or not https")
    return answer


def _is_safe(address: object) -> bool:
    try:
        parsed = urlsplit(address if isinstance(address, str) else "")
    except ValueError:
        return False
    is_local = parsed.scheme == "http" and parsed.hostname in _LOOPBACK
    return bool(parsed.hostname) and (parsed.scheme == "https" or is_local)
