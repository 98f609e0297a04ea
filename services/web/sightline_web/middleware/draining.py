"""Refuses what comes while the service stops, and ends with a reason what outlasts it."""

from __future__ import annotations

import asyncio

from sightline_common.errors import NotReadyError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline_web.draining import Draining
from sightline_web.middleware.refusal import LIVENESS_PATH, is_api_path, refusal
from sightline_web.openai.errors import ApiError, api_error
from sightline_web.openai.responses import to_json
from sightline_web.sse import event


class DrainingMiddleware:
    """Liveness is told to the end; readiness is refused as everything else is."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == LIVENESS_PATH:
            return await self._app(scope, receive, send)
        if self._draining.has_begun:
            return await refusal(scope, _stopping())(scope, receive, send)
        if not is_api_path(scope["path"]):
            return await self._app(scope, receive, send)
        answer = _Answer(send)
        with self._draining.running():
            try:
                await self._app(scope, receive, answer.send)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self._draining.is_over or task is None:
                    raise
                task.uncancel()
                await answer.end(scope, receive)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._kind: str | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._kind = Headers(raw=message["headers"]).get("content-type", "")
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Tells the error, as a response of its own or as a stream's last event."""
        if self._kind is None:
            return await refusal(scope, _stopping())(scope, receive, self._send)
        if self._kind.startswith("text/event-stream"):
            body = event(to_json(_stopping().body))
            await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _stopping() -> ApiError:
    return api_error(NotReadyError("The server is stopping; try again.", retry_after_s=2.0))
