"""What is counted of every RPC that a server answers, and its span."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from functools import cache, lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import descriptor_pool
from grpc import aio
from prometheus_client import CollectorRegistry, Counter, Histogram

from sightline_common.errors import SightlineError, error_types
from sightline_common.request_ids import (
    REQUEST_ID_KEY,
    TRACE_PARENT_KEY,
    choose_request_id,
    request_id,
)
from sightline_common.tracing import SpanKind, exemplar, span

if TYPE_CHECKING:
    Context: TypeAlias = aio.ServicerContext[Any, Any]

CALL_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
CODES = {"OK", "CANCELLED", "UNKNOWN"} | {kind.status for kind in error_types()}
"""How an RPC can end, as far as a server says so itself."""
UNKNOWN = "unknown"
DRAIN_PAUSE_S = 0.05
_METHOD_LABELS = ("grpc_service", "grpc_method")


class ServerCalls:
    """Counts a server's RPCs under the names that gRPC's Prometheus middleware has.

    What can be counted of a service is there at 0 from the start: a rate sees no growth in a
    series that begins at 1.
    """

    def __init__(self, registry: CollectorRegistry, service_name: str) -> None:
        self.started = Counter(
            "grpc_server_started", "RPCs that began.", _METHOD_LABELS, registry=registry
        )
        self.handled = Counter(
            "grpc_server_handled",
            "RPCs that ended, by status code.",
            [*_METHOD_LABELS, "grpc_code"],
            registry=registry,
        )
        self.handling = Histogram(
            "grpc_server_handling_seconds",
            "Seconds from an RPC's begin to its end.",
            _METHOD_LABELS,
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self.refusals = Counter(
            "sightline_refusals",
            "Requests that were refused, by the error's reason.",
            ["reason"],
            registry=registry,
        )

        self.running: set[ServerCall] = set()
        self._series: dict[tuple[str, str], MethodSeries] = {}
        self._expect(service_name)

    def _expect(self, service_name: str) -> None:
        for method in _methods(service_name):
            series = self.series(f"/{service_name}/{method}")
            for code in CODES:
                series.handled(code)
        for kind in error_types():
            if not kind.is_routine:
                self.refusals.labels(kind.reason)

    def series(self, method: str) -> MethodSeries:
        """Returns what is counted of a method, as few of them as `method_labels` has labels."""
        labels = method_labels(method)
        found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = MethodSeries(self, labels)
        return found

    def call(self, method: str, context: Context) -> ServerCall:
        """Returns an RPC to be entered while it is handled."""
        return ServerCall(self, method, context)

    async def drain(self, seconds: float) -> None:
        """Waits until no RPC runs; ends those that are left when the time is over."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            await asyncio.sleep(DRAIN_PAUSE_S)
        for call in self.running:
            call.end()


class MethodSeries:
    """What is counted of one method, its labels looked up once instead of at every RPC."""

    def __init__(self, calls: ServerCalls, labels: tuple[str, str]) -> None:
        self.name = "/".join(labels)
        self.started = calls.started.labels(*labels)
        self.handling = calls.handling.labels(*labels)
        self.handled = cache(lambda code: calls.handled.labels(*labels, code))


class ServerCall:
    """One RPC while it is handled: binds its request id, counts it, and opens its span."""

    def __init__(self, calls: ServerCalls, method: str, context: Context) -> None:
        self.method = method
        self._calls = calls
        self._series = calls.series(method)
        self._carrier = _text_metadata(context)
        self._context = context
        self._code = "OK"
        self._reason = ""
        self._is_ended = False
        self._task = asyncio.current_task()

    def __enter__(self) -> ServerCall:
        self._began = time.monotonic()
        given, parent = self._carrier.get(REQUEST_ID_KEY, ""), self._carrier.get(TRACE_PARENT_KEY)
        request_id.set(choose_request_id(given, parent or ""))
        self._opened = span(self._series.name, SpanKind.SERVER, self._carrier)
        self._span = self._opened.__enter__()
        self._series.started.inc()
        self._calls.running.add(self)
        return self

    def end(self) -> None:
        """Ends the RPC because the server stops."""
        self._is_ended = True
        if self._task is not None:
            self._task.cancel()

    def was_ended_by_server(self) -> bool:
        """Tells whether a cancellation is `end`'s, and takes it back: there is an error to tell."""
        if self._is_ended and self._task is not None:
            self._task.uncancel()
        return self._is_ended

    def refused(self, error: SightlineError) -> None:
        """Notes with which error the RPC ends."""
        self._code, self._reason = error.status, error.reason
        if not error.is_routine:
            self._calls.refusals.labels(error.reason).inc()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._calls.running.discard(self)
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._code = self._left_code()
        elif error is not None and self._code == "OK":
            self._code = "UNKNOWN"
        self._span.set(rpc__system="grpc", rpc__response__status_code=self._code)
        if self._code != "OK":
            self._span.fail(self._reason or self._code)
        self._series.handled(self._code).inc()
        self._series.handling.observe(time.monotonic() - self._began, exemplar())
        self._opened.__exit__(None, None, None)

    def _left_code(self) -> str:
        """Tells why nobody waits for the answer any more."""
        remaining: float | None = self._context.time_remaining()
        return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"


@lru_cache(maxsize=256)
def method_labels(method: str) -> tuple[str, str]:
    """Splits "/package.Service/Method"; what no contract names is unknown, however called."""
    service, _, name = method.removeprefix("/").rpartition("/")
    known = _methods(service)
    if not known:
        return UNKNOWN, UNKNOWN
    return (service, name) if name in known else (service, UNKNOWN)


def _methods(service: str) -> Collection[str]:
    """Returns the names of a contract's methods; none of a contract that nobody has."""
    try:
        contract = descriptor_pool.Default().FindServiceByName(service)
    except KeyError:
        return ()
    return frozenset(contract.methods_by_name)


def _text_metadata(context: Context) -> dict[str, str]:
    pairs = context.invocation_metadata() or ()
    return {key: value for key, value in pairs if isinstance(value, str)}
