"""What the tiers of the feature cache hold and spare, in numbers."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2

from sightline_encoder.encoder import Encoder
from sightline_encoder.feature_cache import CacheUsage
from sightline_encoder.feature_record import duration
from sightline_encoder.lower_tier import StoreUsage


def cache_statistics(encoder: Encoder) -> encoder_pb2.GetCacheStatisticsResponse:
    """Reports memory by itself, for older clients, and all tiers in their order."""
    usage = encoder.cache.usage
    counts = sorted(encoder.source_counts.items())
    return encoder_pb2.GetCacheStatisticsResponse(
        entry_count=usage.num_entries,
        byte_count=usage.num_bytes,
        max_byte_count=usage.max_bytes,
        source_counts=[
            encoder_pb2.SourceCount(source=source, answer_count=count) for source, count in counts
        ],
        eviction_count=usage.num_evictions,
        forward_count=encoder.num_forwards,
        saved_time=duration(sum(encoder.saved_s.values())),
        tiers=list(_tiers(encoder)),
        computed_count=encoder.num_computed,
    )


def _tiers(encoder: Encoder) -> Iterator[encoder_pb2.TierStatistics]:
    yield _statistics(encoder, media_pb2.FEATURE_SOURCE_MEMORY, encoder.cache.usage)
    for tier in encoder.lower_tiers.tiers:
        statistics = _statistics(encoder, tier.source, tier.store.usage)
        statistics.corrupt_count = tier.store.usage.num_corrupt
        statistics.bypass_count = tier.num_bypasses
        statistics.dropped_count = tier.queue.num_dropped
        yield statistics


def _statistics(
    encoder: Encoder, source: media_pb2.FeatureSource, usage: CacheUsage | StoreUsage
) -> encoder_pb2.TierStatistics:
    return encoder_pb2.TierStatistics(
        tier=source,
        hit_count=encoder.source_counts[source],
        saved_time=duration(encoder.saved_s[source]),
        entry_count=usage.num_entries,
        byte_count=usage.num_bytes,
        max_byte_count=usage.max_bytes,
        eviction_count=usage.num_evictions,
    )
