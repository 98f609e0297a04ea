"""What is counted of HTTP requests, under the names that Prometheus' HTTP middleware has."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sightline_common.server_calls import CALL_SECONDS
from starlette.routing import BaseRoute, Mount, Route

from sightline_web.openai.refusal_codes import REFUSAL_CODES

FAILURES = ("500", "503", "504")
"""The statuses of answers that the caller cannot help."""
NO_HANDLER = "none"
_LABELS = ("handler", "method")


class WebMetrics:
    """Counts requests by the function that answers them, never by path."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.requests = Counter(
            "http_requests",
            "HTTP requests that ended, by status.",
            [*_LABELS, "code"],
            registry=registry,
        )
        self.durations = Histogram(
            "http_request_duration_seconds",
            "Seconds from a request's first byte to the last of its answer, streams included.",
            _LABELS,
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self.first_bytes = Histogram(
            "http_response_start_seconds",
            "Seconds from a request's first byte to the head of its answer.",
            _LABELS,
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "http_requests_in_progress",
            "HTTP requests that are being answered, event streams included.",
            registry=registry,
        )
        self.refusals = Counter(
            "sightline_refusals",
            "Requests that were refused, by the error's reason.",
            ["reason"],
            registry=registry,
        )
        for code in REFUSAL_CODES:
            self.refusals.labels(code)

    def expect(self, routes: Iterable[BaseRoute]) -> None:
        """Shows failures of routes at 0: a rate sees no growth in a series that begins at 1."""
        nowhere = {(NO_HANDLER, "GET"), (NO_HANDLER, "POST")}
        for handler, method in nowhere.union(*map(_handlers, routes)):
            for code in FAILURES:
                self.requests.labels(handler, method, code)


def handler_name(endpoint: object) -> str:
    """Returns the name of the function that a path led to, if it led anywhere."""
    return str(getattr(endpoint, "__name__", type(endpoint).__name__)) if endpoint else NO_HANDLER


def _handlers(route: BaseRoute) -> set[tuple[str, str]]:
    """Returns the labels of what a route answers; a folder is read and nothing else."""
    if isinstance(route, Route):
        return {(handler_name(route.endpoint), method) for method in route.methods or ()}
    if isinstance(route, Mount):
        return {(handler_name(route.app), method) for method in ("GET", "HEAD")}
    return set()
