"""Messages that are one chunk of bytes and nothing else, without protobuf's copies.

Building, serialising and parsing such a message copies the chunk three times on its way; on
the wire it is a tag, a length and the bytes. So these are joined, and found again, by hand;
what is sent is what protobuf would have sent, and clients in any language see no difference.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import Message as AnyMessage

_LENGTH_DELIMITED = 2
_CONTINUES = 0x80


Message = TypeVar("Message", bound=AnyMessage)


class Headed(NamedTuple, Generic[Message]):
    """A message, and the bytes of the chunk that came behind its other field."""

    message: Message
    chunk: memoryview


class ChunkCodec(Generic[Message]):
    """Serialises and parses messages of one type, which has a bytes field named `chunk`.

    One named `first_chunk`, if it has that too, may stand behind any other field of it.
    """

    def __init__(self, message_type: type[Message]) -> None:
        fields = message_type.DESCRIPTOR.fields_by_name
        self._message_type = message_type
        self._tag = _bytes_tag(fields["chunk"].number)
        first = fields.get("first_chunk")
        self._first_tag = None if first is None else _bytes_tag(first.number)

    def message(self, chunk: bytes | memoryview) -> bytes:
        """Returns the serialised message of a chunk; copies it once."""
        return b"".join((self._tag, _varint(len(chunk)), chunk))

    def headed(self, message: Message, chunk: bytes | memoryview) -> bytes:
        """Returns a serialised message with a first chunk, which is copied once."""
        return b"".join((message.SerializeToString(), self._first_head(chunk), chunk))

    def first_chunk_start(self, message: Message, chunk: bytes | memoryview) -> int:
        """Returns where the chunk begins in what `headed` makes of them."""
        return message.ByteSize() + len(self._first_head(chunk))

    def _first_head(self, chunk: bytes | memoryview) -> bytes:
        assert self._first_tag is not None, "the message has no such field"
        return self._first_tag + _varint(len(chunk))

    def serialize(self, item: Message | bytes) -> bytes:
        """Serialises a message; what `message` made passes unchanged."""
        return item if isinstance(item, bytes) else item.SerializeToString()

    def parse(self, data: bytes) -> Message | memoryview | Headed[Message]:
        """Returns the chunk of a message that is nothing else, any other message parsed.

        A first chunk at its end is left out of the message and returned beside it. Chunks
        share the memory of `data`. Raises DecodeError, as protobuf does.
        """
        start = self._chunk_start(data)
        if start is not None:
            return memoryview(data)[start:]
        end = self._first_field_end(data)
        start = _bytes_start(data, self._first_tag, end)
        if start is None:
            return self._message_type.FromString(data)
        return Headed(self._message_type.FromString(data[:end]), memoryview(data)[start:])

    def chunk(self, message: bytes) -> memoryview:
        """Returns the chunk of what `message` or `headed` made, sharing its memory."""
        start = self._chunk_start(message)
        if start is None:
            start = _bytes_start(message, self._first_tag, self._first_field_end(message))
        return memoryview(message)[start:]

    def _chunk_start(self, data: bytes) -> int | None:
        """Returns where a chunk begins that ends where the message ends, if it is one."""
        return _bytes_start(data, self._tag, 0)

    def _first_field_end(self, data: bytes) -> int:
        """Returns where a message's first field ends, if another can be told from it, or 0."""
        if not data or data[0] & 0x87 != _LENGTH_DELIMITED:
            return 0
        read = _read_varint(data, 1)
        return 0 if read is None else sum(read)


def _bytes_tag(number: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED)


def _bytes_start(data: bytes, tag: bytes | None, begin: int) -> int | None:
    """Returns where the bytes of a field start that begins here and ends with the message."""
    if tag is None or not data.startswith(tag, begin):
        return None
    read = _read_varint(data, begin + len(tag))
    return read[1] if read is not None and sum(read) == len(data) else None


def _read_varint(data: bytes, position: int) -> tuple[int, int] | None:
    """Returns a length and where it ends; None if it is cut off or longer than one can be."""
    value = 0
    for shift in range(0, 35, 7):
        if position == len(data):
            return None
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < _CONTINUES:
            return value, position
    return None


def _varint(value: int) -> bytes:
    """Writes an unsigned integer in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value >= _CONTINUES:
        groups.append(value & 0x7F | _CONTINUES)
        value >>= 7
    groups.append(value)
    return bytes(groups)
