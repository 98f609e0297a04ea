"""Request ids: the caller's if it is harmless, else the trace's; and the log of requests."""

from __future__ import annotations

import logging
import time

from sightline_common.request_ids import (
    REQUEST_ID_KEY,
    TRACE_PARENT_KEY,
    choose_request_id,
    request_id,
)
from sightline_common.telemetry import log
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline_web.middleware.refusal import PROBE_PATHS, is_api_path

_logger = logging.getLogger(__name__)


class RequestIdMiddleware:
    """Binds the id to logs and calls, and returns it; tells API callers the time taken."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        current = _chosen_id(Headers(scope=scope))
        token = request_id.set(current)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_KEY] = current
                elapsed_ms = round((time.perf_counter() - started) * 1000)
                if is_api_path(scope["path"]):
                    headers["openai-processing-ms"] = str(elapsed_ms)
                _log_request(scope, message["status"], elapsed_ms)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            request_id.reset(token)


def _log_request(scope: Scope, status: int, elapsed_ms: int) -> None:
    quiet = scope["path"] in PROBE_PATHS or scope["path"].startswith("/static/")
    level = logging.DEBUG if quiet else logging.INFO
    method, path = scope["method"], scope["path"]
    log(_logger, "request", level, method=method, path=path, status=status, ms=elapsed_ms)


def _chosen_id(headers: Headers) -> str:
    return choose_request_id(headers.get(REQUEST_ID_KEY, ""), headers.get(TRACE_PARENT_KEY, ""))
