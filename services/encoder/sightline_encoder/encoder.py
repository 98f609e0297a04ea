"""From a file's bytes to features, each of them computed once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.tensors import tensor_bytes, tensor_spec

from sightline_encoder.batcher import Batcher, EncodedImage
from sightline_encoder.feature_cache import FeatureCache, FeatureEntry
from sightline_encoder.feature_key import FeatureRequest
from sightline_encoder.intake import Intake
from sightline_encoder.lower_tiers import Eviction, LowerTiers
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.single_flight import SingleFlight

FEATURES_TENSOR = "features"


@dataclass(frozen=True)
class Answer:
    """Features and where they came from."""

    entry: FeatureEntry
    source: media_pb2.FeatureSource


class Encoder:
    """Remembers features by key and computes those that are missing."""

    def __init__(
        self,
        intake: Intake,
        batcher: Batcher,
        cache: FeatureCache,
        fingerprint: str,
        lower_tiers: LowerTiers | None = None,
    ) -> None:
        self.cache = cache
        self.lower_tiers = lower_tiers or LowerTiers()
        self.fingerprint = fingerprint
        self.source_counts: Counter[media_pb2.FeatureSource] = Counter()
        self.saved_s: defaultdict[media_pb2.FeatureSource, float] = defaultdict(float)
        self._intake = intake
        self._batcher = batcher
        self._lookups: SingleFlight[Answer | None] = SingleFlight()
        self._flights: SingleFlight[FeatureEntry] = SingleFlight()

    @property
    def num_forwards(self) -> int:
        """Counts forward passes of the tower."""
        return self._batcher.num_forwards

    @property
    def num_waiting(self) -> int:
        """Counts requests that wait for a look-up or a computation."""
        return self._lookups.num_waiting + self._flights.num_waiting

    async def recall(self, request: FeatureRequest) -> Answer | None:
        """Returns features without the file: held in a tier, or being computed for someone else.

        None when the file is needed. Raises what that computation raises.
        """
        key = request.key(self.fingerprint)
        answer = self._remembered(key)
        if answer is None and key not in self._flights:
            found = await self._lookups.run(key, lambda: self._look_up(key))
            answer = found or self._remembered(key)
        return await self._joined(key) if answer is None else self._counted(answer)

    async def encode(self, request: FeatureRequest, data: bytes) -> Answer:
        """Returns features of a file whose digest was checked; raises MediaError.

        For files that `recall` wanted: the tiers below memory are not asked again.
        """
        key = request.key(self.fingerprint)
        answer = self._remembered(key)
        if answer is None:
            entry = await self._flights.run(key, lambda: self._compute(key, request, data))
            answer = Answer(entry, media_pb2.FEATURE_SOURCE_COMPUTED)
        return self._counted(answer)

    async def evict(self, keys: Sequence[str] | None = None) -> Eviction:
        """Drops entries from all tiers, all of them by default."""
        below = await self.lower_tiers.evict(keys)
        return replace(below, num_entries=below.num_entries + self.cache.evict(keys))

    def _remembered(self, key: str) -> Answer | None:
        entry = self.cache.get(key)
        return None if entry is None else Answer(entry, media_pb2.FEATURE_SOURCE_MEMORY)

    async def _look_up(self, key: str) -> Answer | None:
        found = await self.lower_tiers.find(key)
        if found is None:
            return None
        tier, entry = found
        self.cache.put(entry)
        return Answer(entry, tier.source)

    async def _joined(self, key: str) -> Answer | None:
        if key not in self._flights:
            return None
        entry = await self._flights.join(key)
        return self._counted(Answer(entry, media_pb2.FEATURE_SOURCE_COMPUTED))

    def _counted(self, answer: Answer) -> Answer:
        self.source_counts[answer.source] += 1
        if answer.source != media_pb2.FEATURE_SOURCE_COMPUTED:
            self.saved_s[answer.source] += answer.entry.compute_s
        return answer

    async def _compute(self, key: str, request: FeatureRequest, data: bytes) -> FeatureEntry:
        async with self._intake.prepared(data, request.budget) as image:
            rule = self._batcher.tile_rule if request.tiled else None
            pending = await self._batcher.submit(image, rule)
        encoded = await pending
        # Hashing tens of MiB would hold up the event loop.
        entry = await asyncio.to_thread(_feature_entry, key, image, encoded)
        self.cache.put(entry)
        self.lower_tiers.keep(entry)
        return entry


def _feature_entry(key: str, image: PreparedImage, encoded: EncodedImage) -> FeatureEntry:
    started = time.monotonic()
    payload = tensor_bytes(encoded.features)
    digest = sha256_digest(payload)
    pack_s = time.monotonic() - started
    return FeatureEntry(
        key=key,
        specs=(tensor_spec(FEATURES_TENSOR, encoded.features),),
        payload=payload,
        payload_digest=digest,
        grid=image.grid,
        num_tokens=encoded.features.shape[0],
        width=image.width,
        height=image.height,
        compute_s=image.prepare_s + encoded.tower_s + pack_s,
        timestamps=image.timestamps,
    )
