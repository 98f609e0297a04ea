"""Counts every request, and opens the span below which the generator's work hangs."""

from __future__ import annotations

import time

from sightline_common.tracing import SpanKind, exemplar, span
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline_web.middleware.refusal import REFUSAL_CODE
from sightline_web.web_metrics import WebMetrics, handler_name

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LEFT = 499


class ObservationMiddleware:
    """Stands where the request has its id and nothing has refused it yet."""

    def __init__(self, app: ASGIApp, metrics: WebMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        observed = _ObservedRequest(scope, send, self._metrics)
        with self._metrics.in_progress.track_inprogress():
            carrier = dict(Headers(scope=scope).items())
            with span(f"HTTP {observed.method}", SpanKind.SERVER, carrier) as opened:
                try:
                    await self._app(scope, receive, observed.send)
                finally:
                    status = observed.end()
                    opened.set(http__route=observed.handler, http__response__status_code=status)
                    if status >= 500:
                        opened.fail(str(status))


class _ObservedRequest:
    def __init__(self, scope: Scope, send: Send, metrics: WebMetrics) -> None:
        self._scope = scope
        self._send = send
        self._metrics = metrics
        self._began = time.monotonic()
        self._head_s = 0.0
        self._status = _LEFT
        self.method = scope["method"] if scope["method"] in _METHODS else "other"

    @property
    def handler(self) -> str:
        """The name of the function that the path led to, if it led anywhere."""
        return handler_name(self._scope.get("endpoint"))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head_s = time.monotonic() - self._began
            self._status = message["status"]
        await self._send(message)

    def end(self) -> int:
        """Counts the request and returns its status, 499 when its client left before any."""
        labels = (self.handler, self.method)
        metrics, traced = self._metrics, exemplar()
        metrics.requests.labels(*labels, str(self._status)).inc(exemplar=traced)
        metrics.durations.labels(*labels).observe(time.monotonic() - self._began, traced)
        if self._status != _LEFT:
            metrics.first_bytes.labels(*labels).observe(self._head_s, traced)
        if REFUSAL_CODE in self._scope:
            metrics.refusals.labels(self._scope[REFUSAL_CODE]).inc()
        return self._status
