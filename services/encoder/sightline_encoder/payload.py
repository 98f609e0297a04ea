"""The bytes of an entry's tensors, as they are sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sightline.encoder.v1 import encoder_pb2
from sightline_common.checksum import Checksum
from sightline_common.chunk_codec import ChunkCodec
from sightline_common.chunks import split_chunks

RESPONSES = ChunkCodec(encoder_pb2.EncodeMediaResponse)


@dataclass(frozen=True)
class Payload:
    """Serialised messages of one chunk each, and what proves their bytes.

    Made once, so that sending what is held copies and hashes nothing. `digest` and
    `checksum` are over the `num_bytes` bytes of all chunks, without the messages' heads.
    """

    messages: tuple[bytes, ...]
    num_bytes: int
    digest: str
    checksum: str

    @classmethod
    def split(cls, data: bytes | memoryview) -> Payload:
        """Returns a payload of these bytes; copies them, chunk by chunk."""
        return cls.of(split_chunks(memoryview(data)))

    @classmethod
    def of(cls, chunks: Iterable[bytes | memoryview]) -> Payload:
        """Returns a payload of chunks, each of which is copied as it comes."""
        messages = []
        num_bytes = 0
        digest, checksum = hashlib.sha256(), Checksum()
        for chunk in chunks:
            digest.update(chunk)
            checksum.update(chunk)
            num_bytes += len(chunk)
            messages.append(RESPONSES.message(chunk))
        return cls(tuple(messages), num_bytes, f"sha256:{digest.hexdigest()}", checksum.text())

    def chunks(self) -> Iterator[memoryview]:
        """Yields the chunks, cut as `split_chunks` does, sharing this payload's memory."""
        return map(RESPONSES.chunk, self.messages)
