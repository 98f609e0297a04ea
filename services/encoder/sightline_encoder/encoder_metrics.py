"""The encoder's metrics: read from its counts when a page is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.metric_families import (
    StateCollector,
    counter,
    counters,
    gauge,
    gauges,
    histogram,
    info,
)

from sightline_encoder.batcher import Batcher
from sightline_encoder.cache_statistics import cache_statistics
from sightline_encoder.encoder import Encoder
from sightline_encoder.upload import UploadBudget
from sightline_encoder.worker_pool import WorkerPool

Tiers = list[encoder_pb2.TierStatistics]
_HITS = (
    media_pb2.FEATURE_SOURCE_MEMORY,
    media_pb2.FEATURE_SOURCE_DISK,
    media_pb2.FEATURE_SOURCE_SHARED,
    media_pb2.FEATURE_SOURCE_SIMILAR,
)


def register_encoder(
    registry: CollectorRegistry,
    encoder: Encoder,
    batcher: Batcher,
    uploads: UploadBudget,
    about: encoder_pb2.GetModelInfoResponse,
) -> None:
    """Adds the metrics of cache, tower and uploads to a registry."""

    def families() -> Iterator[Metric]:
        yield info(
            "sightline_encoder_info",
            "What is served, as labels; always 1.",
            version=about.version,
            attention=about.attention,
            device=about.device,
        )
        statistics = cache_statistics(encoder)
        yield from _answers(statistics)
        yield from _tiers(list(statistics.tiers))
        yield counter(
            "sightline_encoder_media_computed",
            "Pictures and videos whose features were computed.",
            statistics.computed_count,
        )
        yield from _tower(batcher)
        yield gauge(
            "sightline_encoder_num_requests_waiting",
            "Requests that wait for a look-up or a computation.",
            encoder.num_waiting,
        )
        yield gauge(
            "sightline_encoder_upload_bytes", "Bytes of uploads that are held.", uploads.num_bytes
        )

    StateCollector(families, registry)


def register_workers(registry: CollectorRegistry, pool: WorkerPool) -> None:
    """Adds the metrics of the processes in which files are decoded."""

    def families() -> Iterator[Metric]:
        yield counter(
            "sightline_encoder_worker_deaths",
            "Processes that ended while they decoded a file.",
            pool.num_deaths,
        )

    StateCollector(families, registry)


def _answers(statistics: encoder_pb2.GetCacheStatisticsResponse) -> Iterator[Metric]:
    counts = {each.source: each.answer_count for each in statistics.source_counts}
    yield counter(
        "sightline_feature_cache_queries", "Questions for features.", sum(counts.values())
    )
    yield counters(
        "sightline_feature_cache_hits",
        "Answers without a forward pass of their own, by where the features were.",
        "tier",
        {_name(source): counts.get(source, 0) for source in _HITS},
    )
    yield counter(
        "sightline_feature_cache_saved_seconds",
        "Seconds of computation that the answers from the cache spared.",
        statistics.saved_time.ToNanoseconds() / 1e9,
    )


def _tiers(tiers: Tiers) -> Iterator[Metric]:
    def values(read: Callable[[encoder_pb2.TierStatistics], int]) -> dict[str, float]:
        return {_name(each.tier): float(read(each)) for each in tiers}

    sizes = {
        "entries": ("Entries that a tier holds, as far as it knows.", "entry_count"),
        "bytes": ("Bytes that a tier holds, as far as it knows.", "byte_count"),
        "max_bytes": ("Bound of a tier's bytes; 0 where it has none.", "max_byte_count"),
    }
    for name, (help, field) in sizes.items():
        read = values(lambda tier, field=field: getattr(tier, field))  # type: ignore[misc]
        yield gauges(f"sightline_feature_cache_{name}", help, "tier", read)
    losses = {
        "evictions": ("Entries that went for want of room or by request.", "eviction_count"),
        "corrupt": ("Entries that were damaged and removed.", "corrupt_count"),
        "bypasses": ("Reads and writes that failed, or were not tried.", "bypass_count"),
        "dropped_writes": ("Entries that were not written.", "dropped_count"),
    }
    for name, (help, field) in losses.items():
        read = values(lambda tier, field=field: getattr(tier, field))  # type: ignore[misc]
        yield counters(f"sightline_feature_cache_{name}", help, "tier", read)


def _tower(batcher: Batcher) -> Iterator[Metric]:
    counts = batcher.counts
    yield histogram(
        "sightline_encoder_forward_seconds",
        "Seconds that a forward pass of the tower took.",
        counts.seconds,
    )
    yield histogram(
        "sightline_encoder_batch_size",
        "Pictures, tiles and frame groups that shared a forward pass.",
        counts.units,
    )
    yield histogram("sightline_encoder_batch_patches", "Patches of a forward pass.", counts.patches)
    yield gauge(
        "sightline_encoder_queue_size",
        "Pictures, tiles and frame groups that wait for a pass.",
        batcher.num_waiting,
    )


def _name(source: media_pb2.FeatureSource) -> str:
    return media_pb2.FeatureSource.Name(source).removeprefix("FEATURE_SOURCE_").lower()
