"""Pictures as clients send them."""

import base64
import io
import itertools
import os
import struct
import zlib
from pathlib import Path

from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
_counter = itertools.count()


def data_url(data, mime="image/png"):
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def image_part(data, mime="image/png"):
    return {"type": "image_url", "image_url": {"url": data_url(data, mime)}}


def user_message(text, *images):
    parts = [image_part(data) for data in images]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def fresh_picture(size=(224, 168)):
    """Returns a PNG that no test has sent before."""
    number = next(_counter)
    image = Image.new("RGB", size, "white")
    image.paste((200, 30, 30), (20, 20, 80, 80))
    image.putpixel((0, 0), (number % 256, number // 256, 7))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def huge_header_png():
    """Returns a PNG of a few bytes that declares 900 megapixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IEND", b"")


def with_bytes(png, num_bytes):
    """Returns a PNG that shows the same and has more bytes in its file."""
    return png[:-12] + _chunk(b"slTn", os.urandom(num_bytes)) + png[-12:]


def _chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
