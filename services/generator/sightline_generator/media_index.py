"""What the encoder said about media: enough to lay out a prompt without asking again."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict

from sightline.type.v1 import media_pb2

from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.media import EncodedMedium, Medium, MediumKey

ENTRY_BYTES = 1024
"""About what an entry takes besides its features."""
TIMESTAMP_BYTES = 32
"""What each time in a video takes."""


class MediaIndex:
    """Remembers feature key, grid and the last features of media, in `max_bytes` of memory.

    The permission to take a similar picture's features is one of the options, so that what
    was learned with it is known to nobody who did not give it.

    The last features, fewer than a block has tokens, are those that share a block with the
    text behind the medium; all others of a known medium lie in blocks of their own, which
    another question finds cached. The least recently used medium leaves first. One that is
    missing costs a question to the encoder; one that is stale is noticed when its features
    are fetched, and what is cached under its feature key stays right.
    """

    def __init__(self, max_bytes: int, block_size: int) -> None:
        self._max_bytes = max_bytes
        self._num_rows = block_size - 1
        self._entries: OrderedDict[MediumKey, EncodedMedium] = OrderedDict()
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        return self._num_bytes

    def get(self, medium: Medium) -> EncodedMedium | None:
        """Returns what is known of a medium, or None; `features` are the last ones at most."""
        entry = self._entries.get(medium.key)
        if entry is not None:
            self._entries.move_to_end(medium.key)
        return entry

    def put(self, medium: Medium, encoded: EncodedMedium) -> None:
        """Remembers what the encoder said of a medium; features that are known stay."""
        before = self._entries.pop(medium.key, None)
        self._num_bytes -= _num_bytes(before) if before else 0
        features = encoded.features
        if features is not None:
            # A copy, so that it does not keep the whole.
            last = features.rows(len(features) - self._num_rows, len(features))
            features = FeatureRows.of(last.copied()) if len(last) else last
        elif before is not None and before.content == encoded.content:
            features = before.features
        entry = dataclasses.replace(encoded, features=features, source=_remembered_source(encoded))
        self._entries[medium.key] = entry
        self._num_bytes += _num_bytes(entry)
        while self._num_bytes > self._max_bytes:
            self._num_bytes -= _num_bytes(self._entries.popitem(last=False)[1])


def _remembered_source(encoded: EncodedMedium) -> media_pb2.FeatureSource:
    """Whoever is given a similar picture's features is told so, however they are remembered."""
    if encoded.similar_distance is not None:
        return media_pb2.FEATURE_SOURCE_SIMILAR
    return media_pb2.FEATURE_SOURCE_PREFIX_CACHE


def _num_bytes(entry: EncodedMedium) -> int:
    features = 0 if entry.features is None else entry.features.nbytes
    return ENTRY_BYTES + features + TIMESTAMP_BYTES * len(entry.timestamps)
