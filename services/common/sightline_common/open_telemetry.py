"""Spans by OpenTelemetry, sent by OTLP; only imported when traces are on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sightline_common import __version__
from sightline_common.request_ids import as_trace_id, request_id
from sightline_common.tracing import Attribute, OpenSpan, SpanKind

_KINDS = {kind: trace.SpanKind[kind.name] for kind in SpanKind}
_PROPAGATOR = TraceContextTextMapPropagator()


class RequestIdGenerator(RandomIdGenerator):
    """Gives a new trace the id of its request, so that logs and traces share one."""

    def generate_trace_id(self) -> int:
        return as_trace_id(request_id.get()) or super().generate_trace_id()


class OpenTelemetryTracer:
    """Makes spans of a provider."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("sightline", __version__)

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, carrier: Mapping[str, str] | None
    ) -> Iterator[OpenSpan]:
        context = None if carrier is None else _PROPAGATOR.extract(carrier)
        with self._tracer.start_as_current_span(
            name,
            context,
            _KINDS[kind],
            # An exception's message may repeat the caller's words.
            record_exception=False,
            set_status_on_exception=False,
        ) as opened:
            span = _Span(opened)
            try:
                yield span
            except Exception as error:
                span.fail(type(error).__name__)
                raise

    def past_span(
        self, name: str, began: float, ended: float, attributes: Mapping[str, Attribute]
    ) -> None:
        since_epoch = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(name, start_time=since_epoch + int(began * 1e9))
        span.set_attributes(_dotted(attributes))
        span.end(since_epoch + int(ended * 1e9))

    def carrier(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        _PROPAGATOR.inject(fields)
        return fields

    def trace_id(self) -> str:
        context = trace.get_current_span().get_span_context()
        sampled = context.is_valid and context.trace_flags.sampled
        return trace.format_trace_id(context.trace_id) if sampled else ""


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Attribute) -> None:
        self._span.set_attributes(_dotted(attributes))

    def fail(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(trace.StatusCode.ERROR)


def _dotted(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {name.replace("__", "."): value for name, value in attributes.items()}


def otlp_tracer(service: str) -> OpenTelemetryTracer:
    """Returns a tracer whose endpoint, sampling and batches OTEL_... variables say."""
    resource = Resource.create({"service.name": f"sightline-{service}"})
    provider = TracerProvider(resource=resource, id_generator=RequestIdGenerator())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetryTracer(provider)
