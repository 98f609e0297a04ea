"""From a file's bytes to features, each of them computed once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.tensors import tensor_bytes, tensor_spec

from sightline_encoder.batcher import Batcher, EncodedImage
from sightline_encoder.feature_cache import FeatureCache, FeatureEntry
from sightline_encoder.feature_key import FeatureRequest
from sightline_encoder.intake import Intake
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
        self, intake: Intake, batcher: Batcher, cache: FeatureCache, fingerprint: str
    ) -> None:
        self.cache = cache
        self.fingerprint = fingerprint
        self.source_counts: Counter[media_pb2.FeatureSource] = Counter()
        self.saved_s = 0.0
        self._intake = intake
        self._batcher = batcher
        self._flights: SingleFlight[FeatureEntry] = SingleFlight()

    @property
    def num_forwards(self) -> int:
        """Counts forward passes of the tower."""
        return self._batcher.num_forwards

    @property
    def num_waiting(self) -> int:
        """Counts requests that wait for a computation."""
        return self._flights.num_waiting

    async def recall(self, request: FeatureRequest) -> Answer | None:
        """Returns features without the file: held, or being computed for someone else.

        None when the file is needed. Raises what that computation raises.
        """
        key = request.key(self.fingerprint)
        entry = self.cache.get(key)
        if entry is not None:
            self.saved_s += entry.compute_s
            return self._counted(entry, media_pb2.FEATURE_SOURCE_MEMORY)
        if key in self._flights:
            entry = await self._flights.join(key)
            return self._counted(entry, media_pb2.FEATURE_SOURCE_COMPUTED)
        return None

    async def encode(self, request: FeatureRequest, data: bytes) -> Answer:
        """Returns features of a file whose digest was checked; raises MediaError."""
        recalled = await self.recall(request)
        if recalled is not None:
            return recalled
        key = request.key(self.fingerprint)
        entry = await self._flights.run(key, lambda: self._compute(key, request, data))
        return self._counted(entry, media_pb2.FEATURE_SOURCE_COMPUTED)

    def _counted(self, entry: FeatureEntry, source: media_pb2.FeatureSource) -> Answer:
        self.source_counts[source] += 1
        return Answer(entry, source)

    async def _compute(self, key: str, request: FeatureRequest, data: bytes) -> FeatureEntry:
        async with self._intake.prepared(data, request.budget) as image:
            pending = await self._batcher.submit(image)
        encoded = await pending
        # Hashing tens of MiB would hold up the event loop.
        entry = await asyncio.to_thread(_feature_entry, key, image, encoded)
        self.cache.put(entry)
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
    )
