"""What the tiers of the feature cache hold and spare, in numbers."""

from __future__ import annotations

from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2

from sightline_encoder.encoder import Encoder
from sightline_encoder.feature_record import duration
from sightline_encoder.lower_tier import LowerTier


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
        tiers=[_memory(encoder), *(_lower(encoder, tier) for tier in encoder.lower_tiers.tiers)],
    )


def _memory(encoder: Encoder) -> encoder_pb2.TierStatistics:
    usage = encoder.cache.usage
    source = media_pb2.FEATURE_SOURCE_MEMORY
    return encoder_pb2.TierStatistics(
        tier=source,
        hit_count=encoder.source_counts[source],
        saved_time=duration(encoder.saved_s[source]),
        entry_count=usage.num_entries,
        byte_count=usage.num_bytes,
        max_byte_count=usage.max_bytes,
        eviction_count=usage.num_evictions,
    )


def _lower(encoder: Encoder, tier: LowerTier) -> encoder_pb2.TierStatistics:
    usage = tier.store.usage
    return encoder_pb2.TierStatistics(
        tier=tier.source,
        hit_count=encoder.source_counts[tier.source],
        saved_time=duration(encoder.saved_s[tier.source]),
        entry_count=usage.num_entries,
        byte_count=usage.num_bytes,
        max_byte_count=usage.max_bytes,
        eviction_count=usage.num_evictions,
        corrupt_count=usage.num_corrupt,
        bypass_count=tier.num_bypasses,
        dropped_count=tier.queue.num_dropped,
    )
