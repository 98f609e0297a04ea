"""A file arriving in chunks: bounded, in order, and the one that was announced."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sightline.encoder.v1 import encoder_pb2
from sightline_common.channel import MAX_CHUNK_BYTES
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    DeadlineError,
    FieldInvalidError,
    MediaBytesRequiredError,
    MediaDigestError,
    MediaEmptyError,
    QueueFullError,
    StreamOrderError,
)

from sightline_encoder.image import FileLimits, check_byte_count

Requests = AsyncIterator[encoder_pb2.EncodeMediaRequest]
_EMPTY_DIGEST = sha256_digest(b"")


class UploadBudget:
    """Bounds the bytes of all uploads that are held at once."""

    def __init__(self, max_bytes: int) -> None:
        self.num_bytes = 0
        self._max_bytes = max_bytes

    @contextmanager
    def reserved(self, num_bytes: int) -> Iterator[Reservation]:
        """Holds room for an upload, which may grow; raises QueueFullError when there is none.

        A single upload is always let in, however small the budget.
        """
        reservation = Reservation(self)
        reservation.grow(num_bytes)
        try:
            yield reservation
        finally:
            reservation.end()

    def has_room(self, num_bytes: int, num_others: int) -> bool:
        """Tells whether an upload may hold bytes beside those that others hold."""
        return not num_others or num_others + num_bytes <= self._max_bytes


class Reservation:
    """The room of one upload."""

    def __init__(self, budget: UploadBudget) -> None:
        self.num_bytes = 0
        self._budget = budget
        self._has_ended = False

    def grow(self, num_bytes: int) -> None:
        """Takes room for an upload of at least `num_bytes`; raises QueueFullError."""
        added = num_bytes - self.num_bytes
        if added <= 0 or self._has_ended:  # chunks may come after their client has left
            return
        if not self._budget.has_room(num_bytes, self._budget.num_bytes - self.num_bytes):
            raise QueueFullError(
                "The encoder holds as many uploads as it accepts; try again.", retry_after_s=1.0
            )
        self.num_bytes += added
        self._budget.num_bytes += added

    def end(self) -> None:
        """Gives the room back."""
        self._has_ended = True
        self._budget.num_bytes -= self.num_bytes


@asynccontextmanager
async def upload_time(seconds: float) -> AsyncIterator[None]:
    """Bounds what a client may take to send something; raises DeadlineError."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise _too_slow(seconds) from None


async def receive_header(requests: Requests, seconds: float) -> encoder_pb2.MediaHeader:
    """Returns the stream's first message, for which a client has so many seconds.

    Raises StreamOrderError if it is no header, DeadlineError.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _first_header(requests)
    except TimeoutError:
        raise _too_slow(seconds) from None


async def _first_header(requests: Requests) -> encoder_pb2.MediaHeader:
    async for request in requests:
        if request.WhichOneof("payload") == "header":
            return request.header
        break
    raise StreamOrderError("The first message must be a header.", field="header")


async def receive_file(
    requests: Requests,
    header: encoder_pb2.MediaHeader,
    limits: FileLimits,
    reservation: Reservation,
) -> bytes:
    """Returns the announced file's bytes when the client has half-closed.

    A file of unknown size takes its room as it comes: who has none takes none. Raises
    StreamOrderError, QueueFullError, MediaTooLargeError as soon as the count says so,
    MediaDigestError, MediaEmptyError, and MediaBytesRequiredError when the client had
    only the digest to offer.
    """
    chunks: list[bytes] = []
    num_bytes = 0
    state = hashlib.sha256()
    async for request in requests:
        chunk = _chunk(request)
        num_bytes += len(chunk)
        _check_running_count(num_bytes, header, limits)
        reservation.grow(num_bytes)
        state.update(chunk)
        chunks.append(chunk)
    if not num_bytes:
        raise _nothing_received(header)
    if header.byte_count not in (0, num_bytes) or header.digest != f"sha256:{state.hexdigest()}":
        raise _other_file(header, num_bytes)
    return b"".join(chunks)


def _chunk(request: encoder_pb2.EncodeMediaRequest) -> bytes:
    if request.WhichOneof("payload") != "chunk":
        raise StreamOrderError("After the header only chunks may come.", field="chunk")
    if len(request.chunk) > MAX_CHUNK_BYTES:
        raise FieldInvalidError(
            f"A chunk must have at most {MAX_CHUNK_BYTES} bytes.", field="chunk"
        )
    return request.chunk


def _check_running_count(
    num_bytes: int, header: encoder_pb2.MediaHeader, limits: FileLimits
) -> None:
    if num_bytes:
        check_byte_count(num_bytes, limits)
    if header.byte_count and num_bytes > header.byte_count:
        raise _other_file(header, num_bytes)


def _too_slow(seconds: float) -> DeadlineError:
    return DeadlineError(
        f"The upload took longer than {seconds:g} s; send faster, or raise "
        "SIGHTLINE_ENCODER_UPLOAD_TIMEOUT_S."
    )


def _nothing_received(header: encoder_pb2.MediaHeader) -> Exception:
    if header.digest == _EMPTY_DIGEST:
        return MediaEmptyError("The file is empty; send one with contents.")
    return MediaBytesRequiredError(
        "The features are not held here; send the file's bytes after the header.",
        metadata={"digests": header.digest},
    )


def _other_file(header: encoder_pb2.MediaHeader, num_bytes: int) -> MediaDigestError:
    return MediaDigestError(
        "The bytes are not those of the announced file; compute digest and byte_count anew.",
        field="header.digest",
        metadata={"digest": header.digest, "received_byte_count": str(num_bytes)},
    )
