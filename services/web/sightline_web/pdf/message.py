"""What a worker and its owner say to each other: facts in JSON, and bytes, each with its length."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from sightline_web.pdf.errors import PdfError, PdfFault

_LENGTH = struct.Struct("<Q")
_MAX_FACTS_BYTES = 64 * 1024


class MessageError(Exception):
    """Means that what came is no message: the worker died, or went mad."""


@dataclass(frozen=True)
class Order:
    """Pages to draw (numbers from one; none means the `num_first` first), and bounds.

    `max_side` is in pixels, `timeout_s` in seconds of the clock and of the CPU.
    """

    pages: Sequence[int]
    num_first: int
    max_side: int
    dots_per_inch: int
    memory_bytes: int
    timeout_s: int


@dataclass(frozen=True)
class Summary:
    """How many pages a document has, and which of them follow."""

    page_count: int
    pages: tuple[int, ...]


def order_message(order: Order, data: bytes) -> list[bytes]:
    """Returns the pieces of what a worker reads."""
    facts = json.dumps(asdict(order)).encode()
    return [_LENGTH.pack(len(facts)), facts, _LENGTH.pack(len(data)), data]


def read_order(file: BinaryIO) -> tuple[Order, bytes]:
    facts = json.loads(_read_block(file))
    return Order(**facts), _read_block(file)


def write_summary(file: BinaryIO, page_count: int, pages: Sequence[int]) -> None:
    _write_block(file, json.dumps({"page_count": page_count, "pages": list(pages)}).encode())


def write_fault(file: BinaryIO, error: PdfError) -> None:
    facts = {"fault": error.fault, "page_count": error.page_count}
    _write_block(file, json.dumps(facts).encode())


def write_page(file: BinaryIO, picture: bytes) -> None:
    _write_block(file, picture)


async def receive_summary(stream: asyncio.StreamReader) -> Summary:
    """Returns what a document has; raises PdfError, or MessageError."""
    facts = _facts(await _receive_block(stream, _MAX_FACTS_BYTES))
    try:
        if "fault" in facts:
            raise PdfError(PdfFault(facts["fault"]), int(facts["page_count"]))
        return Summary(int(facts["page_count"]), tuple(map(int, facts["pages"])))
    except (KeyError, TypeError, ValueError):
        raise MessageError("facts that make no sense") from None


async def receive_page(stream: asyncio.StreamReader, max_bytes: int) -> bytes:
    """Returns a picture; raises PdfError when the page could not be drawn, or MessageError."""
    block = await _receive_block(stream, max_bytes)
    if not block.startswith(b"{"):
        return block
    facts = _facts(block)
    try:
        raise PdfError(PdfFault(facts["fault"]), int(facts["page_count"]))
    except (KeyError, TypeError, ValueError):
        raise MessageError("facts that make no sense") from None


def _facts(block: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(block)
    except (ValueError, RecursionError):
        raise MessageError("facts that are no JSON") from None
    if not isinstance(facts, dict):
        raise MessageError("facts that are no object")
    return facts


def _read_block(file: BinaryIO) -> bytes:
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return file.read(length)


def _write_block(file: BinaryIO, block: bytes) -> None:
    file.write(_LENGTH.pack(len(block)) + block)
    file.flush()


async def _receive_block(stream: asyncio.StreamReader, max_bytes: int) -> bytes:
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        if length > max_bytes:
            raise MessageError("too many bytes")
        return await stream.readexactly(length)
    except asyncio.IncompleteReadError:
        raise MessageError("the worker ended") from None
