"""A file arriving in chunks: bounded, in order, and the one that was announced."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from sightline.encoder.v1 import encoder_pb2
from sightline_common.channel import MAX_CHUNK_BYTES
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
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
    def reserved(self, num_bytes: int) -> Iterator[None]:
        """Holds room for an upload; raises QueueFullError when there is none.

        A single upload is always let in, however small the budget.
        """
        if self.num_bytes and self.num_bytes + num_bytes > self._max_bytes:
            raise QueueFullError(
                "The encoder holds as many uploads as it accepts; try again.", retry_after_s=1.0
            )
        self.num_bytes += num_bytes
        try:
            yield
        finally:
            self.num_bytes -= num_bytes


async def receive_header(requests: Requests) -> encoder_pb2.MediaHeader:
    """Returns the stream's first message; raises StreamOrderError if it is no header."""
    async for request in requests:
        if request.WhichOneof("payload") == "header":
            return request.header
        break
    raise StreamOrderError("The first message must be a header.", field="header")


async def receive_file(
    requests: Requests, header: encoder_pb2.MediaHeader, limits: FileLimits
) -> bytes:
    """Returns the announced file's bytes when the client has half-closed.

    Raises StreamOrderError, MediaTooLargeError as soon as the count says so,
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
