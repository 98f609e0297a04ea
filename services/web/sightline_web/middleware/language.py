"""The language in which a request is answered."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sightline_web.language import use_language, wanted_language


class LanguageMiddleware:
    """Sets the language that a person chose or the browser prefers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            use_language(wanted_language(Headers(scope=scope)))
        await self._app(scope, receive, send)
