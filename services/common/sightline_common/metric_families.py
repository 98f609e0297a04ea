"""Metrics that are read where they are kept, when a page is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from sightline_common.bucket_counts import BucketCounts

Labelled = Mapping[str, float]


def process_registry() -> CollectorRegistry:
    """Returns a registry with the process's own metrics: memory, CPU time, open files."""
    # Or every counter would be twice on the page.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


class StateCollector(Collector):
    """Calls a function at every scrape, which yields the families as they are now."""

    def __init__(self, families: Callable[[], Iterable[Metric]], registry: CollectorRegistry):
        self._families = families
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        yield from self._families()


def counter(name: str, help: str, value: float) -> Metric:
    """Returns a counter without labels; `name` is without `_total`."""
    return CounterMetricFamily(name, help, value=value)


def gauge(name: str, help: str, value: float) -> Metric:
    """Returns a gauge without labels."""
    return GaugeMetricFamily(name, help, value=value)


def counters(name: str, help: str, label: str, values: Labelled) -> Metric:
    """Returns a counter for each value of a label; `name` is without `_total`."""
    family = CounterMetricFamily(name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def gauges(name: str, help: str, label: str, values: Labelled) -> Metric:
    """Returns a gauge for each value of a label."""
    family = GaugeMetricFamily(name, help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def histogram(name: str, help: str, counts: BucketCounts) -> Metric:
    """Returns a histogram without labels."""
    return HistogramMetricFamily(name, help, buckets=counts.cumulative, sum_value=counts.sum)


def info(name: str, help: str, **labels: str) -> Metric:
    """Returns a gauge that is always 1 and whose labels are what it tells."""
    family = GaugeMetricFamily(name, help, labels=list(labels))
    family.add_metric(list(labels.values()), 1.0)
    return family
