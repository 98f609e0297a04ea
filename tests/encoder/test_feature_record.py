from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_common.digest import sha256_digest
from sightline_common.errors import PayloadCorruptError
from sightline_encoder.feature_record import pack_head, unpack_entry, unpack_head

from tests.encoder.stored import FINGERPRINT, assert_same, features

ENTRY = features(num_bytes=100)
HEAD = pack_head(ENTRY, FINGERPRINT)
PAYLOAD = b"".join(ENTRY.payload.chunks())


def test_record_brings_back_what_was_packed():
    record = unpack_head(HEAD, ENTRY.key, FINGERPRINT)

    assert_same(unpack_entry(record, list(ENTRY.payload.chunks())), ENTRY)


@given(st.binary(max_size=300))
def test_foreign_bytes_are_damage_and_nothing_else(data):
    with pytest.raises(PayloadCorruptError):
        unpack_head(data, ENTRY.key, FINGERPRINT)


@given(st.integers(0, len(HEAD) - 1), st.integers(1, 255))
def test_any_change_of_a_byte_is_damage(position, change):
    damaged = bytearray(HEAD)
    damaged[position] ^= change
    with pytest.raises(PayloadCorruptError):
        unpack_head(bytes(damaged), ENTRY.key, FINGERPRINT)


@pytest.mark.parametrize(
    ("key", "fingerprint"),
    [(features("other").key, FINGERPRINT), (ENTRY.key, sha256_digest(b"other"))],
    ids=["key", "fingerprint"],
)
def test_record_of_something_else_is_damage(key, fingerprint):
    with pytest.raises(PayloadCorruptError, match="another one"):
        unpack_head(HEAD, key, fingerprint)


@pytest.mark.parametrize(
    "payload",
    [PAYLOAD[:-1], PAYLOAD + b"\0", bytes(ENTRY.num_bytes)],
    ids=["short", "long", "other"],
)
def test_payload_that_is_not_the_described_one_is_damage(payload):
    record = unpack_head(HEAD, ENTRY.key, FINGERPRINT)
    with pytest.raises(PayloadCorruptError):
        unpack_entry(record, [payload])


def test_payload_other_than_its_tensors_is_damage():
    features_of_other_shape = features(num_bytes=100)
    features_of_other_shape.specs[0].shape[0] = 99
    head = pack_head(features_of_other_shape, FINGERPRINT)
    with pytest.raises(PayloadCorruptError, match="lengths disagree"):
        unpack_head(head, ENTRY.key, FINGERPRINT)
