"""Small PDFs, honest and hostile."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def pdf(
    pages: Sequence[bytes], size: tuple[float, float] = (200, 100), trailer: bytes = b""
) -> bytes:
    """A document whose pages have these content streams."""
    width, height = size
    kids = b" ".join(b"%d 0 R" % (3 + 2 * index) for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
    ]
    for index, content in enumerate(pages):
        box = f"[0 0 {width} {height}]".encode()
        here = 4 + 2 * index
        resources = b"<< /XObject << /Me %d 0 R >> >>" % here
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents %d 0 R /Resources %s >>"
            % (box, here, resources)
        )
        packed = zlib.compress(content)
        form = b"/Type /XObject /Subtype /Form /BBox %s /Resources %s" % (box, resources)
        head = b"<< /Length %d /Filter /FlateDecode %s >>" % (len(packed), form)
        objects.append(head + b"\nstream\n" + packed + b"\nendstream")
    return _file(objects, trailer)


def coloured(*colours: tuple[float, float, float], size: tuple[float, float] = (200, 100)) -> bytes:
    """A document with one page of each colour (red, green and blue from 0 to 1)."""
    pages = [f"{r} {g} {b} rg 0 0 20000 20000 re f".encode() for r, g, b in colours]
    return pdf(pages, size)


def locked() -> bytes:
    """A document that wants a password."""
    key = b"<" + b"ab" * 32 + b">"
    encryption = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O %s /U %s /P -4 >>" % (key, key)
    return pdf([b""], trailer=encryption + b" /ID [<00> <00>]")


def endless() -> bytes:
    """A page that includes itself a hundred times, each time."""
    return pdf([b"/Me Do " * 100])


def self_including() -> bytes:
    """A page that includes itself."""
    return pdf([b"/Me Do"])


def _file(objects: Sequence[bytes], trailer: bytes) -> bytes:
    body = b"%PDF-1.4\n"
    offsets = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n" % (size, trailer, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end + b"%%EOF"
