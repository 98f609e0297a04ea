"""A small OpenID provider that really signs, and believes nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ISSUER = "https://id.example"
CLIENT_ID, CLIENT_SECRET = "sightline", "provider's secret: 100 %, \u00e9"
REDIRECT_URI = "http://localhost/sign-in/callback"


@dataclass
class FakeProvider:
    """Signs in whoever comes as `person`.

    `changes` are written over the identity token's claims (None takes one out); `key` signs it,
    unless it is to be `forged` with another algorithm.
    """

    person: dict[str, Any] = field(default_factory=lambda: {"sub": "anna", "name": "Anna"})
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    forged: str = ""
    published: list[Any] | None = None
    secret: str = CLIENT_SECRET
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.describe),
                Route("/authorize", self.authorize),
                Route("/token", self.exchange, methods=["POST"]),
                Route("/keys", self.show_keys),
            ]
        )

    async def describe(self, request: Request) -> Response:
        self.asked.append("description")
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                **self.description,
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID
        assert asked["redirect_uri"] == REDIRECT_URI and "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"], "iss": ISSUER})
        return RedirectResponse(f"{REDIRECT_URI}?{query}")

    async def exchange(self, request: Request) -> Response:
        self.asked.append("token")
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form["code_verifier"].encode()).digest()
        )
        if (
            asked is None
            or not self._knows_client(request, form)
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge.decode().rstrip("=") != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": "x", "id_token": self.token(asked["nonce"])})

    async def show_keys(self, request: Request) -> Response:
        self.asked.append("keys")
        keys = [self.key] if self.published is None else self.published
        return JSONResponse({"keys": [key.as_dict(private=False) for key in keys]})

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        changed = {**claims, **self.person, **self.changes}
        kept = {name: value for name, value in changed.items() if value is not None}
        if self.forged:
            return self._forged(kept)
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        header = {"alg": algorithm, "kid": self.key.kid, **self.header}
        return jwt.encode(header, kept, self.key)

    def _forged(self, claims: dict[str, Any]) -> str:
        """Signs as somebody could who has the public key alone."""
        parts = ({"alg": self.forged, "kid": self.key.kid}, claims)
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        secret = self.key.as_pem(private=False)
        signature = hmac.digest(secret, text.encode(), "sha256") if self.forged == "HS256" else b""
        return f"{text}.{_base64(signature)}"

    def _knows_client(self, request: Request, form: dict[str, str]) -> bool:
        if not self.secret:
            return form.get("client_id") == CLIENT_ID
        pair = f"{quote_plus(CLIENT_ID)}:{quote_plus(self.secret)}"  # RFC 6749, 2.3.1
        basic = base64.b64encode(pair.encode()).decode()
        is_posted = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, self.secret)
        return is_posted or request.headers.get("authorization") == f"Basic {basic}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
