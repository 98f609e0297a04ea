import dataclasses

import pytest
import torch
from sightline.type.v1 import media_pb2
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.families.base import MediaKind, MediumGrid
from sightline_generator.media import EncodedMedium, Medium
from sightline_generator.media_index import ENTRY_BYTES, MediaIndex

MEDIUM = Medium(MediaKind.IMAGE, "sha256:1", b"bytes", media_pb2.MediaOptions(), "field")
FEATURES = torch.arange(20.0).reshape(10, 2)
ENCODED = EncodedMedium(
    FeatureRows.of(FEATURES), MediumGrid(1, 4, 10), 10, "key", media_pb2.FEATURE_SOURCE_COMPUTED
)


@pytest.fixture
def index():
    return MediaIndex(max_bytes=10**6, block_size=4)


def named(number):
    return dataclasses.replace(MEDIUM, digest=f"sha256:{number}")


def test_known_medium_comes_back_with_its_last_features(index):
    index.put(MEDIUM, ENCODED)
    known = index.get(MEDIUM)
    assert (known.content, known.num_tokens) == (ENCODED.content, 10)
    assert known.source == media_pb2.FEATURE_SOURCE_PREFIX_CACHE
    assert torch.equal(known.features.copied(), FEATURES[-3:])


def test_entry_does_not_keep_the_whole_tensor(index):
    index.put(MEDIUM, ENCODED)
    (kept,) = index.get(MEDIUM).features.parts
    assert kept.untyped_storage().nbytes() == 3 * 2 * 4


def test_header_alone_keeps_features_of_equal_content_and_drops_others(index):
    index.put(MEDIUM, ENCODED)
    index.put(MEDIUM, dataclasses.replace(ENCODED, features=None))
    assert index.get(MEDIUM).features is not None
    index.put(MEDIUM, dataclasses.replace(ENCODED, features=None, feature_key="other"))
    assert index.get(MEDIUM).features is None


def test_similar_features_stay_known_as_similar(index):
    similar = media_pb2.FEATURE_SOURCE_SIMILAR
    index.put(MEDIUM, dataclasses.replace(ENCODED, source=similar, similar_distance=0.05))
    assert (index.get(MEDIUM).source, index.get(MEDIUM).similar_distance) == (similar, 0.05)


def test_nobody_without_the_permission_learns_of_a_similar_picture(index):
    options = media_pb2.MediaOptions(similar_allowed=True)
    index.put(dataclasses.replace(MEDIUM, options=options), ENCODED)
    assert index.get(MEDIUM) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": "sha256:2"},
        {"salt": "tenant"},
        {"options": media_pb2.MediaOptions(max_pixel_count=1000)},
        {"options": media_pb2.MediaOptions(similar_allowed=True)},
    ],
    ids=["digest", "salt", "options", "similar allowed"],
)
def test_whatever_changes_the_features_is_part_of_the_key(index, changes):
    index.put(MEDIUM, ENCODED)
    assert index.get(dataclasses.replace(MEDIUM, **changes)) is None


def test_memory_is_bounded_and_the_least_recently_used_leaves():
    size = ENTRY_BYTES + 3 * 2 * 4
    index = MediaIndex(max_bytes=2 * size, block_size=4)
    for number in (1, 2):
        index.put(named(number), ENCODED)
    index.get(named(1))
    index.put(named(3), ENCODED)
    assert index.get(named(2)) is None
    assert index.get(named(1)) and index.get(named(3))
    assert index.num_bytes == 2 * size


def test_without_memory_nothing_is_kept():
    index = MediaIndex(max_bytes=0, block_size=4)
    index.put(MEDIUM, ENCODED)
    assert (index.get(MEDIUM), index.num_bytes) == (None, 0)
