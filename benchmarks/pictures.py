"""Pictures that no cache has seen."""

from __future__ import annotations

import base64
import io
import random

from PIL import Image, ImageDraw

COLOURS = ("red", "green", "blue", "orange", "purple", "black")


def fresh_png(edge: int, seed: int) -> bytes:
    """Draws a square PNG of `edge` pixels with three seeded ellipses."""
    chance = random.Random(seed)
    image = Image.new("RGB", (edge, edge), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = chance.randrange(edge // 2), chance.randrange(edge // 2)
        pen.ellipse((left, top, left + edge // 4, top + edge // 4), fill=chance.choice(COLOURS))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def data_url(png: bytes) -> str:
    """Returns a PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
