"""`python -m sightline_web.pdf.worker`: a process in which one PDF is drawn.

It reads an order and the file from its standard input, writes pages to its standard output,
and ends. It knows no secret of the service, opens no other file, and may use only so much
memory and time.
"""

from __future__ import annotations

import io
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from sightline_web.pdf.errors import PdfError, PdfFault
from sightline_web.pdf.message import Order, read_order, write_fault, write_page, write_summary

POINTS_PER_INCH = 72
MAX_ASPECT_RATIO = 100
JPEG_QUALITY = 90


def main() -> None:
    """Answers one order."""
    order, data = read_order(sys.stdin.buffer)
    Image.preinit()  # before the limits: afterwards no file may be opened
    _limit(order)
    answer(order, data, sys.stdout.buffer)


def answer(order: Order, data: bytes, output: BinaryIO) -> None:
    """Writes the chosen pages, or what is wrong with the file."""
    try:
        document = _opened(data)
        numbers = _chosen(order, len(document))
        write_summary(output, len(document), numbers)
        for picture in _drawn(document, numbers, order):
            write_page(output, picture)
    except PdfError as error:
        write_fault(output, error)
    except MemoryError:
        write_fault(output, PdfError(PdfFault.TOO_EXPENSIVE))
    except pypdfium2.PdfiumError:
        write_fault(output, PdfError(PdfFault.UNREADABLE))


def _limit(order: Order) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (order.memory_bytes, order.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (order.timeout_s, order.timeout_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    signal.alarm(order.timeout_s)  # also when the owner is gone and nobody waits


def _opened(data: bytes) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        is_encrypted = raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD
        fault = PdfFault.ENCRYPTED if is_encrypted else PdfFault.UNREADABLE
        raise PdfError(fault) from error
    if not len(document):
        raise PdfError(PdfFault.UNREADABLE)
    return document


def _chosen(order: Order, page_count: int) -> list[int]:
    """Returns page numbers from one; without a choice, the first ones."""
    if not order.pages:
        return list(range(1, min(page_count, order.num_first) + 1))
    if max(order.pages) > page_count:
        raise PdfError(PdfFault.PAGE_MISSING, page_count)
    return list(order.pages)


def _drawn(document: pypdfium2.PdfDocument, numbers: list[int], order: Order) -> Iterator[bytes]:
    for number in numbers:
        page: Any = document[number - 1]
        yield _encoded(page.render(scale=_scale(page, order), rev_byteorder=True))
        page.close()


def _scale(page: Any, order: Order) -> float:
    """Returns pixels per point, so that no side has more pixels than allowed."""
    width, height = map(float, page.get_size())
    longer, shorter = max(width, height), min(width, height)
    if shorter <= 0 or longer > MAX_ASPECT_RATIO * shorter:
        raise PdfError(PdfFault.PAGE_TOO_THIN, 0)
    return min(order.dots_per_inch / POINTS_PER_INCH, order.max_side / longer)


def _encoded(bitmap: Any) -> bytes:
    file = io.BytesIO()
    image: Image.Image = bitmap.to_pil().convert("RGB")
    image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
