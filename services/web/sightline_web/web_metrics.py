"""What is counted of HTTP requests, under the names that Prometheus' HTTP middleware has."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sightline_common.server_calls import CALL_SECONDS

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
