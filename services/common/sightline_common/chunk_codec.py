"""Messages that are one chunk of bytes and nothing else, without protobuf's copies.

Building, serialising and parsing such a message copies the chunk three times on its way; on
the wire it is a tag, a length and the bytes. So these are joined, and found again, by hand;
what is sent is what protobuf would have sent, and clients in any language see no difference.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from google.protobuf.message import Message as AnyMessage

_LENGTH_DELIMITED = 2
_CONTINUES = 0x80


Message = TypeVar("Message", bound=AnyMessage)


class ChunkCodec(Generic[Message]):
    """Serialises and parses messages of one type, which has a bytes field named `chunk`."""

    def __init__(self, message_type: type[Message]) -> None:
        number = message_type.DESCRIPTOR.fields_by_name["chunk"].number
        self._message_type = message_type
        self._tag = _varint(number << 3 | _LENGTH_DELIMITED)

    def message(self, chunk: bytes | memoryview) -> bytes:
        """Returns the serialised message of a chunk; copies it once."""
        return b"".join((self._tag, _varint(len(chunk)), chunk))

    def serialize(self, item: Message | bytes) -> bytes:
        """Serialises a message; what `message` made passes unchanged."""
        return item if isinstance(item, bytes) else item.SerializeToString()

    def parse(self, data: bytes) -> Message | memoryview:
        """Returns the chunk of a message that is nothing else, any other message parsed.

        The chunk shares the memory of `data`. Raises DecodeError, as protobuf does.
        """
        start = self._chunk_start(data)
        if start is not None:
            return memoryview(data)[start:]
        return self._message_type.FromString(data)

    def chunk(self, message: bytes) -> memoryview:
        """Returns the chunk of what `message` made, sharing its memory."""
        return memoryview(message)[self._chunk_start(message) :]

    def _chunk_start(self, data: bytes) -> int | None:
        """Returns where a chunk begins that ends where the message ends, if it is one."""
        if not data.startswith(self._tag):
            return None
        position, length = len(self._tag), 0
        for shift in range(0, 35, 7):
            if position == len(data):
                return None
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            if byte < _CONTINUES:
                return position if position + length == len(data) else None
        return None


def _varint(value: int) -> bytes:
    """Writes an unsigned integer in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value >= _CONTINUES:
        groups.append(value & 0x7F | _CONTINUES)
        value >>= 7
    groups.append(value)
    return bytes(groups)
