"""Which earlier picture a new one repeats, for requests that allow to be told so."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from sightline_encoder.comparison_image import ComparisonImage
from sightline_encoder.confirmation import compare
from sightline_encoder.perceptual_hash import perceptual_hash
from sightline_encoder.similarity_index import Donor, SimilarityIndex

MAX_RECALLS = 65536


@dataclass(frozen=True)
class Match:
    """A donor's feature key, and how far the donor is from the picture that was asked about."""

    key: str
    distance: float


class SimilarPictures:
    """Finds donors, and remembers what was found by the key of the picture that found it.

    It knows pictures only, not whether a donor's features are still there: whoever uses a
    match looks, and `forget`s a donor without features. A picture that found a donor does
    not become one, so that likeness is never passed on. For one event loop.
    """

    def __init__(self, max_bytes: int) -> None:
        self.index = SimilarityIndex(max_bytes)
        self._recalls: OrderedDict[str, Match] = OrderedDict()

    def recall(self, key: str) -> Match | None:
        """Returns the match that the picture of this feature key had before."""
        match = self._recalls.get(key)
        if match is None or match.key in self.index:
            return match
        del self._recalls[key]
        return None

    async def matches(self, candidate: Donor) -> list[Match]:
        """Returns the donors that show the same as a picture, nearest first."""
        found = []
        for donor in self.index.proposals(candidate):
            comparison = await asyncio.to_thread(compare, donor.image, candidate.image)
            if comparison.confirmed:
                found.append(Match(donor.key, comparison.distance))
        return sorted(found, key=lambda match: match.distance)

    def remember(self, key: str, match: Match) -> None:
        """Keeps a match that was used, for the next request with the same picture."""
        self.index.touch(match.key)
        self._recalls[key] = match
        self._recalls.move_to_end(key)
        while len(self._recalls) > MAX_RECALLS:
            self._recalls.popitem(last=False)

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Drops donors, all of them by default."""
        self.index.discard(keys)


def as_donor(key: str, scope: str, image: ComparisonImage) -> Donor:
    """Returns a picture as it looks others up, and as others find it."""
    return Donor(key, scope, perceptual_hash(image), image)
