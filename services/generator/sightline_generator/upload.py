"""Receives a stored file's stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sightline.generator.v1 import generator_pb2
from sightline_common.channel import MAX_CHUNK_BYTES
from sightline_common.digest import is_digest
from sightline_common.errors import (
    DeadlineError,
    FieldInvalidError,
    MediaEmptyError,
    StreamOrderError,
)

from sightline_generator.validation import RequestLimits, check_media_kind, check_salt

UPLOAD_TIMEOUT_S = 300.0
Requests = AsyncIterator[generator_pb2.PutMediaRequest]


async def receive_put_header(
    requests: Requests, limits: RequestLimits
) -> generator_pb2.PutMediaHeader:
    """Returns the checked first message; raises InvalidRequestError."""
    async for request in requests:
        if request.WhichOneof("payload") != "header":
            break
        _check_header(request.header, limits)
        return request.header
    raise StreamOrderError("The stream must begin with a header.")


def _check_header(header: generator_pb2.PutMediaHeader, limits: RequestLimits) -> None:
    check_media_kind(header.kind, "header.kind", limits)
    check_salt(header.cache_salt, "header.cache_salt")
    if header.digest and not is_digest(header.digest):
        raise FieldInvalidError(
            'header.digest must be "sha256:" and 64 lower-case hexadecimal digits.',
            field="header.digest",
        )
    if header.byte_count < 0:
        raise FieldInvalidError(
            "header.byte_count must not be negative.", field="header.byte_count"
        )
    if header.byte_count == 0:
        raise MediaEmptyError("The file has no bytes.", field="header.byte_count")


async def receive_put_file(requests: Requests, header: generator_pb2.PutMediaHeader) -> bytes:
    """Returns the file; raises InvalidRequestError unless it is as the header says.

    Raises DeadlineError after `UPLOAD_TIMEOUT_S` seconds: an upload holds room in the store.
    """
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            return await _receive_chunks(requests, header)
    except TimeoutError:
        raise DeadlineError(f"The upload took longer than {UPLOAD_TIMEOUT_S:g} s.") from None


async def _receive_chunks(requests: Requests, header: generator_pb2.PutMediaHeader) -> bytes:
    data = bytearray()
    async for request in requests:
        if request.WhichOneof("payload") != "chunk":
            raise StreamOrderError("Only chunks may follow the header.")
        if len(request.chunk) > MAX_CHUNK_BYTES:
            raise FieldInvalidError(
                f"A chunk must have at most {MAX_CHUNK_BYTES} bytes.", field="chunk"
            )
        data += request.chunk
        if len(data) > header.byte_count:
            raise _wrong_size(header, f"more than {header.byte_count}")
    if len(data) < header.byte_count:
        raise _wrong_size(header, str(len(data)))
    return bytes(data)


def _wrong_size(header: generator_pb2.PutMediaHeader, came: str) -> FieldInvalidError:
    return FieldInvalidError(
        f"header.byte_count says {header.byte_count} bytes, but {came} came.",
        field="header.byte_count",
    )
