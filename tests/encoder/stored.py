"""Features to store, and stores that do as they are told."""

from __future__ import annotations

import asyncio

from sightline.type.v1 import media_pb2, tensor_pb2
from sightline_common.digest import sha256_digest
from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.lower_tier import LowerTier, StoreUsage
from sightline_encoder.payload import Payload

FINGERPRINT = sha256_digest(b"fingerprint")


def key_of(name) -> str:
    return sha256_digest(str(name).encode())


def features(name="picture", num_bytes=32, compute_s=0.25) -> FeatureEntry:
    """Returns an entry whose payload depends on its name."""
    payload = (str(name).encode() + bytes(range(1, 251))) * (num_bytes // 250 + 1)
    payload = payload[:num_bytes]
    spec = tensor_pb2.TensorSpec(
        name="features", data_type=tensor_pb2.DATA_TYPE_UINT8, shape=[num_bytes]
    )
    return FeatureEntry(
        key=key_of(name),
        specs=(spec,),
        payload=Payload.split(payload),
        grid=(1, 4, 6),
        num_tokens=6,
        width=80,
        height=56,
        compute_s=compute_s,
    )


def assert_same(found, expected) -> None:
    """Compares everything that a stored entry must bring back."""
    assert found is not None
    for name in FeatureEntry.__dataclass_fields__:
        assert getattr(found, name) == getattr(expected, name), name


class ScriptedStore:
    """Keeps entries in a dict, counts calls, fails with `error`, and waits for `gate`."""

    def __init__(self):
        self.entries = {}
        self.num_reads = self.num_writes = 0
        self.error = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_closed = False

    @property
    def usage(self):
        return StoreUsage(len(self.entries), None, None, 0, 0)

    async def open(self):
        await self._meet_fate()

    async def read(self, key):
        self.num_reads += 1
        await self._meet_fate()
        return self.entries.get(key)

    async def write(self, entry):
        self.num_writes += 1
        await self._meet_fate()
        self.entries[entry.key] = entry

    async def remove(self, keys):
        await self._meet_fate()
        wanted = set(self.entries if keys is None else keys) & set(self.entries)
        for key in wanted:
            del self.entries[key]
        return len(wanted)

    async def close(self):
        self.is_closed = True

    async def _meet_fate(self):
        await self.gate.wait()
        if self.error is not None:
            raise self.error


def lower_tier(store, source=media_pb2.FEATURE_SOURCE_DISK, queue_bytes=2**20, **options):
    return LowerTier(store, source, queue_bytes, **options)
