"""Earlier pictures by what they look like: proposals in bounded time, from bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from sightline_encoder.comparison_image import ComparisonImage
from sightline_encoder.perceptual_hash import NUM_BITS, hash_distance

NUM_BANDS = 16
BAND_BITS = NUM_BITS // NUM_BANDS
MAX_HASH_DISTANCE = 32
"""Bits that may differ; up to NUM_BANDS - 1 of them leave a band equal for certain."""
MAX_PROPOSALS = 4
BUCKET_LOOKS = 32
"""The newest of those that share a band, where many do."""
MAX_SCALE = 1.12
MAX_STRETCH = 1.01
DONOR_BYTES = 8192
"""About what a donor takes besides its planes."""


@dataclass(frozen=True, eq=False)
class Donor:
    """A picture whose features may stand for others' of the same scope.

    `key` is that of its features; `scope` holds everything else that they depend on.
    """

    key: str
    scope: str
    hash: int
    image: ComparisonImage

    @property
    def num_bytes(self) -> int:
        return self.image.num_bytes + DONOR_BYTES


class _Band(NamedTuple):
    scope: str
    place: int
    bits: int


@dataclass
class SimilarityIndex:
    """Donors, at most `max_bytes` of them; the least recently used leave first.

    A hash is cut into bands. Two that differ in few bits agree in some whole band, so that
    a look-up reads one bucket a band, and never all donors. For one event loop.
    """

    max_bytes: int
    _donors: OrderedDict[str, Donor] = field(default_factory=OrderedDict)
    _buckets: dict[_Band, dict[str, None]] = field(default_factory=dict)
    _num_bytes: int = 0

    def __len__(self) -> int:
        return len(self._donors)

    def __contains__(self, key: str) -> bool:
        return key in self._donors

    @property
    def num_bytes(self) -> int:
        return self._num_bytes

    def proposals(self, candidate: Donor) -> list[Donor]:
        """Returns donors of its scope that look alike and are about as large, nearest first."""
        found = {key: self._donors[key] for key in self._sharing_a_band(candidate)}
        fitting = [each for each in found.values() if has_size_of(each.image, candidate.image)]
        distances = [(hash_distance(each.hash, candidate.hash), each) for each in fitting]
        near = [pair for pair in distances if pair[0] <= MAX_HASH_DISTANCE]
        near.sort(key=lambda pair: pair[0])
        return [donor for _, donor in near[:MAX_PROPOSALS]]

    def touch(self, key: str) -> None:
        """Makes a donor the most recently used one."""
        if key in self._donors:
            self._donors.move_to_end(key)

    def add(self, donor: Donor) -> None:
        """Keeps a donor, in place of an earlier one of its key, if there is room at all."""
        self.discard([donor.key])
        if donor.num_bytes > self.max_bytes:
            return
        self._donors[donor.key] = donor
        self._num_bytes += donor.num_bytes
        for band in _bands(donor):
            self._buckets.setdefault(band, {})[donor.key] = None
        while self._num_bytes > self.max_bytes:
            self.discard([next(iter(self._donors))])

    def discard(self, keys: Iterable[str] | None = None) -> None:
        """Forgets donors, all of them by default."""
        for key in list(self._donors) if keys is None else keys:
            donor = self._donors.pop(key, None)
            if donor is not None:
                self._num_bytes -= donor.num_bytes
                self._leave_buckets(donor)

    def check_integrity(self) -> None:
        """Recounts everything; raises AssertionError with the sum that is wrong."""
        num_bytes = sum(donor.num_bytes for donor in self._donors.values())
        assert num_bytes == self._num_bytes <= self.max_bytes, f"{num_bytes} bytes held"
        held = {(band, key) for band, keys in self._buckets.items() for key in keys}
        named = {(band, donor.key) for donor in self._donors.values() for band in _bands(donor)}
        assert held == named, "buckets and donors differ"
        assert all(self._buckets.values()), "an empty bucket stayed"

    def _sharing_a_band(self, candidate: Donor) -> Iterator[str]:
        for band in _bands(candidate):
            yield from islice(reversed(self._buckets.get(band, {})), BUCKET_LOOKS)

    def _leave_buckets(self, donor: Donor) -> None:
        for band in _bands(donor):
            bucket = self._buckets[band]
            del bucket[donor.key]
            if not bucket:
                del self._buckets[band]


def has_size_of(one: ComparisonImage, other: ComparisonImage) -> bool:
    """Whether one may be the other, scaled a little and in proportion."""
    across, down = one.width / other.width, one.height / other.height
    stretch = max(across / down, down / across)
    # A pixel's rounding is a large stretch for a small picture.
    allowed = max(MAX_STRETCH, 1 + 1 / min(one.width, one.height, other.width, other.height))
    scale = max(across, 1 / across, down, 1 / down)
    return stretch <= allowed and scale <= MAX_SCALE


def _bands(donor: Donor) -> Iterator[_Band]:
    mask = (1 << BAND_BITS) - 1
    for index in range(NUM_BANDS):
        yield _Band(donor.scope, index, donor.hash >> (index * BAND_BITS) & mask)
