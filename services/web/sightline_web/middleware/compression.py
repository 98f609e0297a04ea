"""Pages and their files, made smaller on the wire."""

from __future__ import annotations

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

MINIMUM_BYTES = 1024
LEVEL = 6
_SENT_AS_THEY_ARE = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/json", "application/pdf")
"""What is small or compressed already, and what comes piece by piece."""


class CompressionMiddleware:
    """Compresses text for those who can read it so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(
            app, MINIMUM_BYTES, LEVEL, exclude_content_types=_SENT_AS_THEY_ARE
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            return await self._compressing(scope, receive, send)
        await self._app(scope, receive, send)
