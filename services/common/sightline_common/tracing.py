"""Spans, when traces are switched on; next to nothing when they are not.

Spans never hold prompts, pictures, or the words of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Protocol

from grpc import aio

from sightline_common.config import SettingInvalidError
from sightline_common.request_ids import REQUEST_ID_KEY, request_id
from sightline_common.telemetry import name_traces

TRACES = ("off", "otlp")
Attribute = str | int | float | bool


class SpanKind(Enum):
    """Says whether a span is work of ours, an answer to a caller, or a question to a server."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


class OpenSpan(Protocol):
    """A span that has not ended."""

    def set(self, **attributes: Attribute) -> None:
        """Adds attributes; dots in their names are written as two underscores."""
        ...

    def fail(self, reason: str) -> None:
        """Marks the span as failed."""
        ...


class Tracer(Protocol):
    """Makes spans; `sightline_common.open_telemetry` has the real one."""

    def span(
        self, name: str, kind: SpanKind, carrier: Mapping[str, str] | None
    ) -> AbstractContextManager[OpenSpan]: ...
    def past_span(
        self, name: str, began: float, ended: float, attributes: Mapping[str, Attribute]
    ) -> None: ...
    def carrier(self) -> dict[str, str]: ...
    def trace_id(self) -> str: ...


class _NoSpan:
    def set(self, **attributes: Attribute) -> None: ...
    def fail(self, reason: str) -> None: ...


_NO_SPAN = nullcontext[OpenSpan](_NoSpan())
_tracer: Tracer | None = None


def set_tracer(tracer: Tracer | None) -> None:
    """Switches tracing on for this process, or off."""
    global _tracer
    _tracer = tracer
    name_traces(None if tracer is None else tracer.trace_id)


def start_tracing(service: str, traces: str) -> None:
    """Switches tracing on when the setting says so; raises SettingInvalidError."""
    if traces == "off":
        return
    try:
        from sightline_common.open_telemetry import otlp_tracer
    except ImportError as error:
        raise SettingInvalidError(
            f"SIGHTLINE_TRACES={traces} needs OpenTelemetry: pip install 'sightline-common[otlp]'."
        ) from error
    set_tracer(otlp_tracer(service))


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, carrier: Mapping[str, str] | None = None
) -> AbstractContextManager[OpenSpan]:
    """Opens a span below the current one, or below the caller's whose headers are given."""
    return _NO_SPAN if _tracer is None else _tracer.span(name, kind, carrier)


def past_span(name: str, began: float, ended: float, **attributes: Attribute) -> None:
    """Adds a span that is over; times are in seconds of `time.monotonic`."""
    if _tracer is not None:
        _tracer.past_span(name, began, ended, attributes)


def trace_id() -> str:
    """Returns the id of the current trace if it is kept, else nothing."""
    return "" if _tracer is None else _tracer.trace_id()


def exemplar() -> dict[str, str] | None:
    """Returns what ties an observation to the current trace, if there is one."""
    current = trace_id()
    return {"trace_id": current} if current else None


def call_metadata() -> aio.Metadata:
    """Returns what every call to another service carries: request id and W3C trace context."""
    current = request_id.get()
    pairs = [(REQUEST_ID_KEY, current)] if current else []
    if _tracer is not None:
        pairs.extend(_tracer.carrier().items())
    return aio.Metadata(*pairs)
