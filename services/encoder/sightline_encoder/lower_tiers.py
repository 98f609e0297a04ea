"""The tiers below memory, asked from the fastest to the slowest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sightline.type.v1 import media_pb2

from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.lower_tier import LowerTier


@dataclass(frozen=True)
class Eviction:
    """How many entries went, and from where they could not be removed."""

    num_entries: int
    unreached: tuple[media_pb2.FeatureSource, ...] = ()


class LowerTiers:
    """Finds features outside memory and keeps them there; never fails for want of a store."""

    def __init__(self, tiers: Sequence[LowerTier] = ()) -> None:
        self.tiers = tuple(tiers)
        self._num_evictions = 0
        self._num_evicting = 0

    async def open(self) -> None:
        await asyncio.gather(*(tier.open() for tier in self.tiers))

    async def find(self, key: str) -> tuple[LowerTier, FeatureEntry] | None:
        """Returns features and the tier that had them, and promotes them to those above it.

        What is being evicted meanwhile is not found, lest it come back by promotion.
        """
        before = self._num_evictions
        for depth, tier in enumerate(self.tiers):
            entry = await tier.get(key)
            if self._num_evicting or before != self._num_evictions:
                return None
            if entry is not None:
                _write_later(entry, self.tiers[:depth])
                return tier, entry
        return None

    def keep(self, entry: FeatureEntry) -> None:
        """Queues computed features for all tiers."""
        _write_later(entry, self.tiers)

    async def evict(self, keys: Sequence[str] | None = None) -> Eviction:
        """Removes entries from all tiers, all of them by default."""
        self._num_evictions += 1
        self._num_evicting += 1
        try:
            counts = [await tier.evict(keys) for tier in self.tiers]
        finally:
            self._num_evicting -= 1
        unreached = [tier for tier, count in zip(self.tiers, counts, strict=True) if count is None]
        return Eviction(sum(filter(None, counts)), tuple(tier.source for tier in unreached))

    async def close(self) -> None:
        await asyncio.gather(*(tier.close() for tier in self.tiers))


def _write_later(entry: FeatureEntry, tiers: Sequence[LowerTier]) -> None:
    for tier in tiers:
        tier.queue.add(entry)
