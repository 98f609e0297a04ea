"""Language, theme and Enter key with which a request is answered."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sightline_web.language import use_language, wanted_language
from sightline_web.preference import ENTER_KEY, THEME


class PreferencesMiddleware:
    """Sets what a person chose, or else what the browser prefers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            use_language(wanted_language(headers))
            THEME.use(headers)
            ENTER_KEY.use(headers)
        await self._app(scope, receive, send)
