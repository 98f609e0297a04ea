from __future__ import annotations

from random import Random

import numpy as np
import pytest
from sightline_encoder.comparison_image import ComparisonImage
from sightline_encoder.perceptual_hash import NUM_BITS
from sightline_encoder.similarity_index import (
    BAND_BITS,
    BUCKET_LOOKS,
    DONOR_BYTES,
    MAX_PROPOSALS,
    NUM_BANDS,
    Donor,
    SimilarityIndex,
)

ROOM = 1000 * (DONOR_BYTES + 150)


def picture(width=10, height=10):
    plane, half = np.zeros((10, 10), np.uint8), np.zeros((5, 5), np.uint8)
    return ComparisonImage(plane, half, half, width, height)


def donor(key, hash_=0, scope="scope", **size):
    return Donor(key, scope, hash_, picture(**size))


def proposed(index, hash_=0, scope="scope", **size):
    return [each.key for each in index.proposals(donor("later", hash_, scope, **size))]


def flipped(rng, hash_, num_bits):
    for bit in rng.sample(range(NUM_BITS), num_bits):
        hash_ ^= 1 << bit
    return hash_


def test_fewer_different_bits_than_bands_are_always_found():
    rng = Random(1)
    index = SimilarityIndex(ROOM)
    hashes = [rng.getrandbits(NUM_BITS) for _ in range(200)]
    for number, hash_ in enumerate(hashes):
        index.add(donor(str(number), hash_))

    for number, hash_ in enumerate(hashes):
        assert proposed(index, flipped(rng, hash_, NUM_BANDS - 1))[0] == str(number)


def test_nearest_come_first_and_far_ones_never():
    rng = Random(2)
    index, hash_ = SimilarityIndex(ROOM), rng.getrandbits(NUM_BITS)
    near, nearer, far = flipped(rng, hash_, 9), flipped(rng, hash_, 3), hash_ ^ (2**64 - 1)
    for key, each in {"near": near, "far": far, "nearer": nearer}.items():
        index.add(donor(key, each))

    assert proposed(index, hash_) == ["nearer", "near"]


def test_scopes_are_apart():
    index = SimilarityIndex(ROOM)
    index.add(donor("a", scope="one tenant"))

    assert proposed(index, scope="one tenant") == ["a"]
    assert proposed(index, scope="another") == []


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ((1000, 500), True),
        ((1100, 550), True),
        ((900, 450), True),
        ((1150, 575), False),
        ((1000, 520), False),
        ((500, 1000), False),
    ],
)
def test_only_pictures_of_nearly_the_same_size_and_form_are_proposed(size, fits):
    index = SimilarityIndex(ROOM)
    index.add(donor("a", width=1000, height=500))

    assert bool(proposed(index, width=size[0], height=size[1])) is fits


def test_look_up_among_many_alike_is_bounded_and_takes_the_newest():
    index = SimilarityIndex(10 * ROOM)
    for number in range(1000):
        index.add(donor(str(number)))

    sharing = list(index._sharing_a_band(donor("later")))
    assert len(sharing) == NUM_BANDS * BUCKET_LOOKS
    found = proposed(index)
    assert len(found) == MAX_PROPOSALS
    assert min(map(int, found)) >= 1000 - BUCKET_LOOKS


def test_bytes_are_bounded_and_the_least_recently_used_leaves_first():
    index = SimilarityIndex(3 * donor("").num_bytes)
    for key in "abc":
        index.add(donor(key))
    index.touch("a")
    index.add(donor("d"))

    assert [key in index for key in "abcd"] == [True, False, True, True]
    assert index.num_bytes == 3 * donor("").num_bytes
    index.check_integrity()


def test_donor_larger_than_all_room_is_not_kept():
    index = SimilarityIndex(100)
    index.add(donor("a"))

    assert (len(index), index.num_bytes) == (0, 0)


def test_books_are_right_after_any_sequence_of_operations():
    rng = Random(3)
    index = SimilarityIndex(20 * donor("").num_bytes)
    for _ in range(2000):
        key = str(rng.randrange(40))
        match rng.randrange(4):
            case 0 | 1:
                index.add(donor(key, rng.getrandbits(2 * BAND_BITS)))
            case 2:
                index.discard([key, key, "unknown"])
            case 3:
                index.touch(key)
        index.check_integrity()
    index.discard()
    assert (len(index), index.num_bytes, index._buckets) == (0, 0, {})
