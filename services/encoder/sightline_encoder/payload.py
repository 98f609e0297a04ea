"""The bytes of an entry's tensors, as they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sightline.encoder.v1 import encoder_pb2
from sightline_common.checksum import Checksum
from sightline_common.chunk_codec import ChunkCodec
from sightline_common.chunks import split_chunks
from sightline_common.digest import Digest

RESPONSES = ChunkCodec(encoder_pb2.EncodeMediaResponse)


@dataclass
class Payload:
    """Serialised messages of one chunk each, and what proves their bytes.

    Made once, so that sending what is held copies and hashes nothing. `digest` and
    `checksum` are over the `num_bytes` bytes of all chunks, without the messages' heads.
    The first chunk is joined with the header of answers from memory when the first of them is
    given, and lies once in memory, then as before: for one event loop, and readers of chunks.
    """

    messages: list[bytes]
    num_bytes: int
    digest: str
    checksum: str
    is_headed: bool = field(default=False, compare=False)

    @classmethod
    def split(cls, data: bytes | memoryview) -> Payload:
        """Returns a payload of these bytes; copies them, chunk by chunk."""
        return cls.of(split_chunks(memoryview(data)))

    @classmethod
    def of(cls, chunks: Iterable[bytes | memoryview]) -> Payload:
        """Returns a payload of chunks, each of which is copied as it comes."""
        messages = []
        num_bytes = 0
        digest, checksum = Digest(), Checksum()
        for chunk in chunks:
            digest.update(chunk)
            checksum.update(chunk)
            num_bytes += len(chunk)
            messages.append(RESPONSES.message(chunk))
        return cls(messages, num_bytes, digest.text(), checksum.text())

    def put_behind(self, head: encoder_pb2.EncodeMediaResponse) -> None:
        """Joins the first chunk, which there must be, with the header of all such answers."""
        self.messages[0] = RESPONSES.headed(head, RESPONSES.chunk(self.messages[0]))
        self.is_headed = True

    def plain_messages(self) -> Sequence[bytes]:
        """Returns the messages without any header, for clients that look for none in them."""
        if not self.is_headed:
            return self.messages[:]
        return [RESPONSES.message(RESPONSES.chunk(self.messages[0])), *self.messages[1:]]

    def chunks(self) -> Iterator[memoryview]:
        """Yields the chunks, cut as `split_chunks` does, sharing this payload's memory."""
        return map(RESPONSES.chunk, self.messages)
