"""Files that a request cannot carry: named by digest, and stored where they are missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from sightline.generator.v1 import generator_pb2
from sightline_common.channel import MAX_CHUNK_BYTES
from sightline_common.chunks import split_chunks
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    MediaBytesRequiredError,
    MediaTooLargeError,
    SightlineError,
)

Request = generator_pb2.GenerateTextRequest


@dataclass(frozen=True)
class LargeFile:
    """A file, ready for PutMedia."""

    header: generator_pb2.PutMediaHeader
    data: bytes

    async def messages(self) -> AsyncIterator[generator_pb2.PutMediaRequest]:
        """Yields the messages of the upload, one chunk at a time."""
        yield generator_pb2.PutMediaRequest(header=self.header)
        for chunk in split_chunks(memoryview(self.data), MAX_CHUNK_BYTES):
            yield generator_pb2.PutMediaRequest(chunk=bytes(chunk))


def take_out_files(request: Request, max_bytes: int) -> dict[str, LargeFile]:
    """Leaves digests in place of a request's largest files until it has at most `max_bytes`.

    Returns the files by digest. Raises MediaTooLargeError when the rest is too large still.
    """
    files: dict[str, LargeFile] = {}
    for medium in sorted(_media(request), key=lambda medium: -len(medium.data)):
        if request.ByteSize() <= max_bytes:
            break
        if medium.data:
            file = _taken_out(medium, request.cache_salt)
            files[file.header.digest] = file
    if request.ByteSize() > max_bytes:
        raise MediaTooLargeError(
            f"The conversation exceeds {max_bytes // 2**20} MiB beside its pictures and videos;"
            " send less."
        )
    return files


def missing_files(files: Mapping[str, LargeFile], error: SightlineError) -> list[LargeFile]:
    """Returns the files that a server wants; raises its error if it wants no such thing."""
    wanted = error.metadata.get("digests", "").split(",")
    if not isinstance(error, MediaBytesRequiredError) or not files.keys() >= set(wanted):
        raise error
    return [files[digest] for digest in wanted]


def _media(request: Request) -> Iterator[generator_pb2.Media]:
    for message in request.messages:
        for part in message.parts:
            if part.HasField("media"):
                yield part.media


def _taken_out(medium: generator_pb2.Media, cache_salt: str) -> LargeFile:
    data = medium.data
    medium.digest = medium.digest or sha256_digest(data)
    medium.ClearField("data")
    header = generator_pb2.PutMediaHeader(
        digest=medium.digest, byte_count=len(data), kind=medium.kind, cache_salt=cache_salt
    )
    return LargeFile(header, data)
