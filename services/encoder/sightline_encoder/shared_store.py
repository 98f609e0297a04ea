"""Features in Redis or Valkey, which encoders share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sightline.encoder.v1 import encoder_pb2, feature_record_pb2
from sightline_common.chunks import chunk_bounds, recut
from sightline_common.config import SettingInvalidError
from sightline_common.errors import PayloadCorruptError
from sightline_common.telemetry import log

from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.feature_record import pack_head, unpack_entry, unpack_head
from sightline_encoder.lower_tier import StoreUsage

ALL_FORMS = "sightline:features:"
PREFIX = f"{ALL_FORMS}2:"
"""Counts up when entries take another form: those of other forms are not looked at."""
PIECE_BYTES = 1024**2
_PIECE_MARK = "/"
_REMOVAL_BATCH = 500
LOOK_UP_COMMANDS = 2
"""How many commands' timeouts a look-up gets: a store that is slow, not dead, is no help."""
LEAST_RATE = 50 * 1024**2
"""Bytes a second of an entry for which it gets more time: somewhat less than half of 1 Gbit/s."""
_logger = logging.getLogger(__name__)


def connect(url: str, timeout_s: float) -> Redis:
    """Returns a client that gives up after `timeout_s` seconds, and never retries.

    Raises SettingInvalidError when the URL is none; it is not repeated, since it may
    contain a password.
    """
    try:
        client = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        # Connects to nothing yet, but reads all options.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError) as error:
        raise SettingInvalidError(
            "SIGHTLINE_ENCODER_REDIS_URL must be like redis://host:6379/0, "
            "with nothing but options of redis-py behind it."
        ) from error
    return client


def look_up_s(seconds: float, num_bytes: int) -> float:
    """Returns the seconds for an entry of so many bytes where a small one gets `seconds`."""
    return seconds + num_bytes / LEAST_RATE


class SharedStore:
    """Keeps each entry for `ttl_s` seconds; a FeatureStore.

    A look-up may take `look_up_s` seconds, and longer the larger the entry is.

    An entry is a head under its key, written last, and pieces of the payload named after key
    and digest too, so that two writers never mix theirs. A piece is at most `PIECE_BYTES`:
    larger values would hold up everyone else's commands, and other clients' buffers.
    Nothing of it is believed: pieces that went, or do not have the digest, are a miss.
    """

    def __init__(self, client: Redis, ttl_s: int, fingerprint: str, look_up_s: float = 1.0) -> None:
        self._client = client
        self._look_up_s = look_up_s
        self._ttl_s = ttl_s
        self._fingerprint = fingerprint
        self._num_evictions = 0
        self._num_corrupt = 0

    @property
    def usage(self) -> StoreUsage:
        return StoreUsage(None, None, None, self._num_evictions, self._num_corrupt)

    async def open(self) -> None:
        await self._client.ping()

    async def read(self, key: str) -> FeatureEntry | None:
        try:
            fetched = await self._fetch(key)
            if fetched is None:
                return None
            # Hashing tens of MiB would hold up the event loop; it is not the store's time.
            return await asyncio.to_thread(_unpacked, *fetched)
        except PayloadCorruptError as error:
            self._num_corrupt += 1
            log(_logger, "damaged entry removed", logging.WARNING, key=key, error=error.message)
            await self._client.unlink(PREFIX + key)
            return None

    async def _fetch(self, key: str) -> tuple[feature_record_pb2.FeatureRecord, list[bytes]] | None:
        """Returns a verified record and its pieces, which are not; None if they are not there.

        Raises TimeoutError, and PayloadCorruptError for another head, or pieces of other lengths.
        """
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(self._look_up_s) as limit:
            head = await self._get(PREFIX + key)
            if head is None:
                return None
            record = unpack_head(head, key, self._fingerprint)
            num_bytes = record.header.payload_byte_count
            limit.reschedule(began + look_up_s(self._look_up_s, num_bytes))
            pieces = await self._fetch_pieces(key, record.header)
            if pieces is None:
                await self._client.unlink(PREFIX + key)
                return None
            return record, pieces

    async def _fetch_pieces(
        self, key: str, header: encoder_pb2.FeatureHeader
    ) -> list[bytes] | None:
        """Returns a payload's pieces; None if some have expired before their head."""
        pieces = []
        for name, start, end in _pieces(key, header):
            piece = await self._get(name)
            if piece is None:
                return None
            if len(piece) != end - start:
                raise PayloadCorruptError("A piece of the entry has another length.")
            pieces.append(piece)
        return pieces

    async def write(self, entry: FeatureEntry) -> None:
        if await self._client.exists(PREFIX + entry.key):
            return
        pieces = list(_pieces(entry.key, entry.description))
        cut = recut(entry.payload.chunks(), [(start, end) for _, start, end in pieces])
        for (name, _, _), piece in zip(pieces, cut, strict=True):
            await self._client.set(name, piece, ex=self._ttl_s)
        head = pack_head(entry, self._fingerprint)
        await self._client.set(PREFIX + entry.key, head, ex=self._ttl_s)

    async def remove(self, keys: Sequence[str] | None) -> int:
        num_removed = 0
        async for names in self._all_names() if keys is None else self._names(keys):
            await self._client.unlink(*names)
            num_removed += sum(_PIECE_MARK not in name for name in names)
        self._num_evictions += num_removed
        return num_removed

    async def close(self) -> None:
        await self._client.aclose()

    async def _get(self, name: str) -> bytes | None:
        # The client may answer in text, if it is told to: it is not.
        return cast(bytes | None, await self._client.get(name))

    async def _names(self, keys: Sequence[str]) -> AsyncIterator[list[str]]:
        """Yields the names under which each entry lies, for those that are there."""
        for key in keys:
            head = await self._get(PREFIX + key)
            if head is not None:
                yield [PREFIX + key, *_piece_names(head, key, self._fingerprint)]

    async def _all_names(self) -> AsyncIterator[list[str]]:
        """Yields all names there are, those of other forms of entries included."""
        cursor = 0
        while True:
            cursor, names = await self._client.scan(cursor, ALL_FORMS + "*", _REMOVAL_BATCH)
            if names:
                yield [name.decode() for name in cast(list[bytes], names)]
            if not cursor:
                return


def _unpacked(record: feature_record_pb2.FeatureRecord, pieces: Sequence[bytes]) -> FeatureEntry:
    bounds = chunk_bounds(record.header.payload_byte_count)
    return unpack_entry(record, recut(pieces, bounds))


def _pieces(key: str, header: encoder_pb2.FeatureHeader) -> Iterator[tuple[str, int, int]]:
    """Yields the name, start and end of each piece of a payload."""
    for start, end in chunk_bounds(header.payload_byte_count, PIECE_BYTES):
        name = _PIECE_MARK.join((PREFIX + key, header.payload_digest, str(start)))
        yield name, start, end


def _piece_names(head: bytes, key: str, fingerprint: str) -> list[str]:
    """Returns the names of an entry's pieces; none if its head is damaged."""
    try:
        record = unpack_head(head, key, fingerprint)
    except PayloadCorruptError:
        return []
    return [name for name, _, _ in _pieces(key, record.header)]
