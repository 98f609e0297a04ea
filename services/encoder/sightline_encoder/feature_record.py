"""Features as bytes that prove themselves: for disks and stores that may lie.

preamble   magic, version, two lengths, and the SHA-256 of these and the record
record     a FeatureRecord: key, fingerprint, description, the payload's SHA-256
payload    the tensors' bytes; beside the head, wherever the store keeps them
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from sightline.encoder.v1 import feature_record_pb2
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import tensor_layout

from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.payload import Payload

MAGIC = b"SLFEATUR"
VERSION = 1
_LENGTHS = struct.Struct("<8sIIQ")
PREAMBLE_BYTES = _LENGTHS.size + hashlib.sha256().digest_size


@dataclass(frozen=True)
class Preamble:
    """Says how long the parts are; not to be believed before the record is verified."""

    record_bytes: int
    payload_bytes: int
    digest: bytes

    @property
    def head_bytes(self) -> int:
        return PREAMBLE_BYTES + self.record_bytes

    @property
    def total_bytes(self) -> int:
        return self.head_bytes + self.payload_bytes


def pack_head(entry: FeatureEntry, fingerprint: str) -> bytes:
    """Returns preamble and record of features that this feature fingerprint computed."""
    record = feature_record_pb2.FeatureRecord(
        feature_fingerprint=fingerprint,
        header=entry.description,
        compute_time=duration(entry.compute_s),
    ).SerializeToString()
    lengths = _LENGTHS.pack(MAGIC, VERSION, len(record), entry.num_bytes)
    return lengths + hashlib.sha256(lengths + record).digest() + record


def unpack_preamble(data: bytes) -> Preamble:
    """Raises PayloadCorruptError for anything but a preamble of this version."""
    if len(data) < PREAMBLE_BYTES:
        raise PayloadCorruptError("The entry is cut off.")
    magic, version, record_bytes, payload_bytes = _LENGTHS.unpack_from(data)
    if (magic, version) != (MAGIC, VERSION):
        raise PayloadCorruptError("The entry has another format.")
    return Preamble(record_bytes, payload_bytes, data[_LENGTHS.size : PREAMBLE_BYTES])


def unpack_head(head: bytes, key: str, fingerprint: str) -> feature_record_pb2.FeatureRecord:
    """Returns the verified record of a key; raises PayloadCorruptError."""
    preamble = unpack_preamble(head)
    record = head[PREAMBLE_BYTES:]
    digest = hashlib.sha256(head[: _LENGTHS.size] + record).digest()
    if len(head) != preamble.head_bytes or digest != preamble.digest:
        raise PayloadCorruptError("The entry's record is damaged.")
    try:
        parsed = feature_record_pb2.FeatureRecord.FromString(record)
    except DecodeError as error:
        raise PayloadCorruptError("The entry's record cannot be read.") from error
    _check_record(parsed, preamble, key, fingerprint)
    return parsed


def _check_record(
    record: feature_record_pb2.FeatureRecord, preamble: Preamble, key: str, fingerprint: str
) -> None:
    header = record.header
    if (header.feature_key, record.feature_fingerprint) != (key, fingerprint):
        raise PayloadCorruptError("The entry is another one than its name says.")
    described = sum(tensor_layout(spec).num_bytes for spec in header.tensors)
    if not described == header.payload_byte_count == preamble.payload_bytes:
        raise PayloadCorruptError("The entry's lengths disagree.")


def unpack_entry(record: feature_record_pb2.FeatureRecord, chunks: Iterable[bytes]) -> FeatureEntry:
    """Returns the features of a verified record and of its payload, cut as `split_chunks` does.

    Raises PayloadCorruptError.
    """
    header = record.header
    payload = Payload.of(chunks)
    if payload.num_bytes != header.payload_byte_count:
        raise PayloadCorruptError("The entry's payload is cut off.")
    if payload.digest != header.payload_digest:
        raise PayloadCorruptError("The entry's payload is damaged.")
    return FeatureEntry(
        key=header.feature_key,
        specs=tuple(header.tensors),
        payload=payload,
        grid=(header.grid.time_count, header.grid.height_count, header.grid.width_count),
        num_tokens=header.token_count,
        width=header.width,
        height=header.height,
        compute_s=record.compute_time.ToNanoseconds() / 1e9,
        timestamps=tuple(header.frame_timestamps),
    )


def duration(seconds: float) -> Duration:
    """Returns seconds as protobuf has them, to the nanosecond."""
    value = Duration()
    value.FromNanoseconds(int(seconds * 1e9))
    return value
