"""Protection against requests that other sites make in a visitor's name."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sightline_web.middleware.refusal import refusal
from sightline_web.openai.errors import ApiError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class OriginMiddleware:
    """Refuses changes that a browser says come from another origin.

    Browsers state the origin in Sec-Fetch-Site (secure contexts) or Origin; a
    request with neither does not come from a browser's page. A Bearer key without
    cookies was put there by a program.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_trusted(scope["method"], Headers(scope=scope)):
            error = ApiError(
                "This request came from another site and was refused.",
                http_status=403,
                code="cross_origin_refused",
            )
            return await refusal(scope, error)(scope, receive, send)
        await self._app(scope, receive, send)


def is_trusted(method: str, headers: Headers) -> bool:
    """Tells whether a request may change something."""
    if method in _SAFE_METHODS or _has_key_only(headers):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or _place(origin) == headers.get("host")


def _place(origin: str) -> str:
    """Returns host and port; nothing where a header is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _has_key_only(headers: Headers) -> bool:
    scheme = headers.get("authorization", "").partition(" ")[0].lower()
    return scheme == "bearer" and "cookie" not in headers
