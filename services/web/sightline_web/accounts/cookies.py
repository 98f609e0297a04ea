"""Cookies that no script can read and no other site's form sends."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response


class HostCookie:
    """One cookie of this very host.

    `Lax`, because `Strict` would show the sign-in page to whoever follows a link to a
    conversation. Over TLS it is `Secure` and its name begins with `__Host-`, which browsers take
    from nobody else; `secure_always` is for a service that knows its public address to be https.
    """

    def __init__(self, name: str, lifetime_s: float, secure_always: bool) -> None:
        self._name = name
        self._lifetime_s = round(lifetime_s)
        self._secure_always = secure_always

    def read(self, request: Request) -> str:
        """Returns the value that came, or nothing."""
        return request.cookies.get(self._full_name(request), "")

    def set(self, request: Request, response: Response, value: str) -> None:
        self._write(request, response, value, self._lifetime_s)

    def clear(self, request: Request, response: Response) -> None:
        self._write(request, response, "", 0)

    def _full_name(self, request: Request) -> str:
        return f"__Host-{self._name}" if self._is_secure(request) else self._name

    def _is_secure(self, request: Request) -> bool:
        return self._secure_always or request.scope["scheme"] == "https"

    def _write(self, request: Request, response: Response, value: str, lifetime_s: int) -> None:
        response.set_cookie(
            self._full_name(request),
            value,
            lifetime_s,
            secure=self._is_secure(request),
            httponly=True,
            samesite="lax",
        )
