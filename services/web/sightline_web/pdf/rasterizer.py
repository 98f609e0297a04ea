"""Pages of PDFs as pictures, drawn in processes that a file may kill without harm to anybody."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sightline_common.telemetry import log

from sightline_web.pdf.errors import PdfError, PdfFault
from sightline_web.pdf.message import (
    MessageError,
    Order,
    order_message,
    receive_page,
    receive_summary,
)

MAX_PAGE_BYTES = 16 * 1024 * 1024
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""All that a worker is told of the service's environment, which may hold passwords."""
_GRACE_S = 1.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PdfLimits:
    """What one file may cost: pixels of a side, bytes of memory, seconds; and how many at once.

    `num_waiting` more files wait for a worker; further ones are refused.
    """

    max_side: int = 1600
    dots_per_inch: int = 150
    memory_bytes: int = 1024**3
    timeout_s: int = 20
    num_workers: int = 2
    num_waiting: int = 8


@dataclass(frozen=True)
class PdfPages:
    """Chosen pages of a document: JPEG files by their numbers, which count from one."""

    page_count: int
    pictures: dict[int, bytes]


class Rasterizer:
    """Draws pages; a few documents at a time, a few others wait."""

    def __init__(self, limits: PdfLimits | None = None) -> None:
        self._limits = limits or PdfLimits()
        self._slots = asyncio.Semaphore(self._limits.num_workers)
        self._num_waiting = 0

    async def draw(self, data: bytes, pages: Sequence[int], num_first: int) -> PdfPages:
        """Returns pages of a file, without a choice the `num_first` first; raises PdfError."""
        limits = self._limits
        order = Order(
            pages=tuple(pages),
            num_first=num_first,
            max_side=limits.max_side,
            dots_per_inch=limits.dots_per_inch,
            memory_bytes=limits.memory_bytes,
            timeout_s=limits.timeout_s,
        )
        async with self._slot(), _worker() as process:
            try:
                async with asyncio.timeout(limits.timeout_s + _GRACE_S):
                    return await _exchange(process, order, data)
            except (MessageError, TimeoutError, OSError) as death:
                log(_logger, "worker died of a PDF", logging.WARNING, death=str(death))
                raise PdfError(PdfFault.TOO_EXPENSIVE) from None

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._num_waiting >= self._limits.num_waiting:
            raise PdfError(PdfFault.BUSY)
        self._num_waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._num_waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


async def _exchange(process: Process, order: Order, data: bytes) -> PdfPages:
    assert process.stdin is not None and process.stdout is not None
    for piece in order_message(order, data):
        process.stdin.write(piece)
    await process.stdin.drain()
    summary = await receive_summary(process.stdout)
    pictures = {
        number: await receive_page(process.stdout, MAX_PAGE_BYTES) for number in summary.pages
    }
    return PdfPages(summary.page_count, pictures)


@asynccontextmanager
async def _worker() -> AsyncIterator[Process]:
    """Starts a worker; it is gone when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "sightline_web.pdf.worker"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.communicate())
