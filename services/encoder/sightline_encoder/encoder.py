"""From a file's bytes to features, each of them computed once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sightline.type.v1 import media_pb2
from sightline_common.errors import SightlineError
from sightline_common.tensors import tensor_bytes, tensor_spec

from sightline_encoder.batcher import Batcher
from sightline_encoder.feature_cache import FeatureCache, FeatureEntry
from sightline_encoder.feature_key import FeatureRequest
from sightline_encoder.intake import Intake
from sightline_encoder.lower_tiers import Eviction, LowerTiers
from sightline_encoder.payload import Payload
from sightline_encoder.pixel_budget import PixelBudget
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.similar_pictures import Match, SimilarPictures, as_donor
from sightline_encoder.single_flight import SingleFlight
from sightline_encoder.tower_job import EncodedImage

FEATURES_TENSOR = "features"
MAX_SEARCHES = 2
"""Pictures that are compared with earlier ones at the same time."""


@dataclass(frozen=True)
class Answer:
    """Features and where they came from; the distance to the donor if that was similar."""

    entry: FeatureEntry
    source: media_pb2.FeatureSource
    similar_distance: float | None = None


class Encoder:
    """Remembers features by key and computes those that are missing."""

    def __init__(
        self,
        intake: Intake,
        batcher: Batcher,
        cache: FeatureCache,
        fingerprint: str,
        lower_tiers: LowerTiers | None = None,
        similar: SimilarPictures | None = None,
    ) -> None:
        self.cache = cache
        self.lower_tiers = lower_tiers or LowerTiers()
        self.fingerprint = fingerprint
        self.source_counts: Counter[media_pb2.FeatureSource] = Counter()
        self.saved_s: defaultdict[media_pb2.FeatureSource, float] = defaultdict(float)
        self.num_computed = 0
        self._intake = intake
        self._batcher = batcher
        self.similar = similar
        self._lookups: SingleFlight[Answer | None] = SingleFlight()
        self._flights: SingleFlight[FeatureEntry] = SingleFlight()
        # Apart from the others: who did not allow it must not join a search for a donor.
        self._searches: SingleFlight[Answer] = SingleFlight()
        self._search_slots = asyncio.Semaphore(MAX_SEARCHES)

    @property
    def num_forwards(self) -> int:
        """Counts forward passes of the tower."""
        return self._batcher.num_forwards

    @property
    def num_waiting(self) -> int:
        """Counts requests that wait for a look-up or a computation."""
        flights = (self._lookups, self._flights, self._searches)
        return sum(each.num_waiting for each in flights)

    async def check(self) -> None:
        """Raises NotReadyError while the tower hangs or fails on everything."""
        await self._batcher.check()

    def key(self, request: FeatureRequest) -> str:
        """Returns the key of the features that a request names."""
        return request.key(self.fingerprint)

    def remembered(self, request: FeatureRequest) -> Answer | None:
        """Returns features that memory holds; nothing is waited for."""
        answer = self._remembered(self.key(request))
        return None if answer is None else self._counted(answer)

    async def recall(self, request: FeatureRequest) -> Answer | None:
        """Returns features without the file: held in a tier, or being computed for someone else.

        None when the file is needed. Raises what that computation raises.
        """
        key = self.key(request)
        answer = await self._held(key)
        if answer is None and request.similar_allowed and self.similar is not None:
            answer = await self._recalled(key, self.similar)
        return None if answer is None else self._counted(answer)

    async def encode(self, request: FeatureRequest, data: bytes) -> Answer:
        """Returns features of a file whose digest was checked; raises MediaError.

        For files that `recall` wanted: the tiers below memory are not asked again.
        """
        key, similar = self.key(request), self.similar
        if request.similar_allowed and similar is not None:
            search = self._searches.run(key, lambda: self._search(key, request, data, similar))
            return self._counted(await search)
        return self._counted(await self._encoded(key, request, data))

    async def evict(self, keys: Sequence[str] | None = None) -> Eviction:
        """Drops entries from all tiers, all of them by default."""
        if self.similar is not None:
            self.similar.forget(keys)
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

    async def _held(self, key: str) -> Answer | None:
        answer = self._remembered(key)
        if answer is None and key not in self._flights:
            found = await self._lookups.run(key, lambda: self._look_up(key))
            answer = found or self._remembered(key)
        if answer is None and key in self._flights:
            answer = Answer(await self._flights.join(key), media_pb2.FEATURE_SOURCE_COMPUTED)
        return answer

    async def _encoded(self, key: str, request: FeatureRequest, data: bytes) -> Answer:
        answer = self._remembered(key)
        if answer is None:
            entry = await self._flights.run(key, lambda: self._compute(key, request, data))
            answer = Answer(entry, media_pb2.FEATURE_SOURCE_COMPUTED)
        return answer

    async def _recalled(self, key: str, similar: SimilarPictures) -> Answer | None:
        if key in self._searches:
            return await self._searches.join(key)
        match = similar.recall(key)
        return None if match is None else await self._donated(key, match, similar)

    async def _search(
        self, key: str, request: FeatureRequest, data: bytes, similar: SimilarPictures
    ) -> Answer:
        """Takes a donor's features, or computes them."""
        remembered = self._remembered(key)
        if remembered is not None:
            return remembered
        for match in await self._matches(key, request, data, similar):
            answer = await self._donated(key, match, similar)
            if answer is not None:
                return answer
        return await self._encoded(key, request, data)

    async def _matches(
        self, key: str, request: FeatureRequest, data: bytes, similar: SimilarPictures
    ) -> list[Match]:
        """Returns a picture's donors; one without any becomes a donor itself."""
        assert isinstance(request.budget, PixelBudget), "only pictures are compared"
        async with self._search_slots:
            image = await self._intake.look(data, request.budget)
            candidate = as_donor(key, request.scope(self.fingerprint), image)
            matches = await similar.matches(candidate)
            if not matches:
                # Before its features are there: whoever finds it waits for them.
                similar.index.add(candidate)
            return matches

    async def _donated(self, key: str, match: Match, similar: SimilarPictures) -> Answer | None:
        """Returns a donor's features; without them it is a donor no more."""
        try:
            held = await self._held(match.key)
        except SightlineError:
            held = None
        if held is None:
            similar.forget([match.key])
            return None
        similar.remember(key, match)
        return Answer(held.entry, media_pb2.FEATURE_SOURCE_SIMILAR, match.distance)

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
        self.num_computed += 1
        # Hashing tens of MiB would hold up the event loop.
        entry = await asyncio.to_thread(_feature_entry, key, image, encoded)
        self.cache.put(entry)
        self.lower_tiers.keep(entry)
        return entry


def _feature_entry(key: str, image: PreparedImage, encoded: EncodedImage) -> FeatureEntry:
    started = time.monotonic()
    payload = Payload.split(tensor_bytes(encoded.features))
    pack_s = time.monotonic() - started
    return FeatureEntry(
        key=key,
        specs=(tensor_spec(FEATURES_TENSOR, encoded.features),),
        payload=payload,
        grid=image.grid,
        num_tokens=encoded.features.shape[0],
        width=image.width,
        height=image.height,
        compute_s=image.prepare_s + encoded.tower_s + pack_s,
        timestamps=image.timestamps,
    )
