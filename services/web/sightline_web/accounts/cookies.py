"""The session's cookie."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

_NAME = "session"
_SAFE_NAME = "__Host-session"
"""Browsers take this name only over TLS and from this very host."""


class SessionCookie:
    """Carries a session's token; no script can read it, no other site's form sends it.

    `Lax`, because `Strict` would show the sign-in page to whoever follows a link to a
    conversation. `secure_always` is for a service that knows its public address to be https.
    """

    def __init__(self, lifetime_s: float, secure_always: bool) -> None:
        self._lifetime_s = round(lifetime_s)
        self._secure_always = secure_always

    def read(self, request: Request) -> str:
        """Returns the token that came, or nothing."""
        return request.cookies.get(self.name(request), "")

    def set(self, request: Request, response: Response, token: str) -> None:
        self._write(request, response, token, self._lifetime_s)

    def clear(self, request: Request, response: Response) -> None:
        self._write(request, response, "", 0)

    def name(self, request: Request) -> str:
        return _SAFE_NAME if self.is_secure(request) else _NAME

    def is_secure(self, request: Request) -> bool:
        """Tells whether the browser speaks TLS."""
        return self._secure_always or request.scope["scheme"] == "https"

    def _write(self, request: Request, response: Response, token: str, lifetime_s: int) -> None:
        response.set_cookie(
            self.name(request),
            token,
            lifetime_s,
            secure=self.is_secure(request),
            httponly=True,
            samesite="lax",
        )
