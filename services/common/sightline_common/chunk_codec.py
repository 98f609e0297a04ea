"""Messages that are one chunk of bytes and nothing else, without protobuf's copies.

Building, serialising and parsing such a message copies the chunk three times on its way; on
the wire it is a tag, a length and the bytes. So these are joined, and found again, by hand.
What is sent is a message of protobuf's: clients in any language read it as any other.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import Message as AnyMessage

_LENGTH_DELIMITED = 2
_CONTINUES = 0x80
ALIGNMENT = 16
"""Of a chunk in a message that may have padding: as far as memory for messages is aligned."""


Message = TypeVar("Message", bound=AnyMessage)


class Headed(NamedTuple, Generic[Message]):
    """A message, and the bytes of the chunk that came behind its other field."""

    message: Message
    chunk: memoryview


class ChunkCodec(Generic[Message]):
    """Serialises and parses messages of one type, which has a bytes field named `chunk`.

    One named `first_chunk`, if it has that too, may stand behind any other field of it. One
    named `padding` stands first, and has the chunk begin at a multiple of `ALIGNMENT` bytes.
    """

    def __init__(self, message_type: type[Message]) -> None:
        fields = message_type.DESCRIPTOR.fields_by_name
        self._message_type = message_type
        self._tag = _bytes_tag(fields["chunk"].number)
        self._first_tag, self._padding_tag = (
            _bytes_tag(fields[name].number) if name in fields else None
            for name in ("first_chunk", "padding")
        )

    def message(self, chunk: bytes | memoryview) -> bytes:
        """Returns the serialised message of a chunk; copies it once."""
        return self._joined(self._tag, chunk)

    def headed(self, message: Message, chunk: bytes | memoryview) -> bytes:
        """Returns a serialised message with a first chunk, which is copied once."""
        assert self._first_tag is not None, "the message has no such field"
        return self._joined(message.SerializeToString() + self._first_tag, chunk)

    def _joined(self, before: bytes, chunk: bytes | memoryview) -> bytes:
        head = before + _varint(len(chunk))
        return b"".join((self._padding(len(head)), head, chunk))

    def _padding(self, head_bytes: int) -> bytes:
        """Returns the field that makes a head of so many bytes end where a chunk may begin."""
        if self._padding_tag is None or head_bytes % ALIGNMENT == 0:
            return b""
        lacking = -(head_bytes + len(self._padding_tag) + 1) % ALIGNMENT
        return self._padding_tag + _varint(lacking) + bytes(lacking)

    def serialize(self, item: Message | bytes) -> bytes:
        """Serialises a message; what `message` made passes unchanged."""
        return item if isinstance(item, bytes) else item.SerializeToString()

    def parse(self, data: bytes) -> Message | memoryview | Headed[Message]:
        """Returns the chunk of a message that is nothing else, any other message parsed.

        A first chunk at its end is left out of the message and returned beside it. Chunks
        share the memory of `data`. Raises DecodeError, as protobuf does.
        """
        begin = self._padding_end(data)
        start = _bytes_start(data, self._tag, begin)
        if start is not None:
            return memoryview(data)[start:]
        end = _field_end(data, begin)
        start = _bytes_start(data, self._first_tag, end)
        if start is None:
            return self._message_type.FromString(data)
        return Headed(self._message_type.FromString(data[begin:end]), memoryview(data)[start:])

    def chunk(self, message: bytes) -> memoryview:
        """Returns the chunk of what `message` or `headed` made, sharing its memory."""
        begin = self._padding_end(message)
        start = _bytes_start(message, self._tag, begin)
        if start is None:
            start = _bytes_start(message, self._first_tag, _field_end(message, begin))
        return memoryview(message)[start:]

    def _padding_end(self, data: bytes) -> int:
        tag = self._padding_tag
        return 0 if tag is None or not data.startswith(tag) else _field_end(data, 0)


def _bytes_tag(number: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED)


def _field_end(data: bytes, begin: int) -> int:
    """Returns where the field ends that begins here, if another can be told from it, or `begin`."""
    if begin == len(data) or data[begin] & 0x87 != _LENGTH_DELIMITED:
        return begin
    read = _read_varint(data, begin + 1)
    return begin if read is None else min(sum(read), len(data))


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
