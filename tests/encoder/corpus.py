"""The corpus of unusual and bad pictures: files, and what has to become of each.

Numbered as in the collection of what peers of this service got wrong. Expected pixels are
written down or drawn here, and not read from the file by the decoder that is tested.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from tests.encoder import pictures
from tests.encoder.tiny import encoded, noise

Pixels = npt.NDArray[np.uint8]
EXIF_ORIENTATION = 0x0112
EMPTY, UNREADABLE, FORMAT = "MEDIA_EMPTY", "MEDIA_UNREADABLE", "MEDIA_FORMAT_UNSUPPORTED"
TOO_LARGE, ASPECT = "MEDIA_TOO_LARGE", "MEDIA_ASPECT_RATIO_INVALID"


@dataclass(frozen=True)
class Accepted:
    """A file, and the RGB pixels that a person sees, [height, width, 3]; JPEG may be off a bit."""

    data: bytes
    pixels: Pixels
    tolerance: int = 0


@dataclass(frozen=True)
class Refused:
    """A file, and the reason of its refusal."""

    data: bytes
    reason: str


NOISE = noise(40, 24)
PIXELS = np.asarray(NOISE)
GRADIENT = Image.linear_gradient("L").resize((40, 24))


def flat(*colour: int, size: tuple[int, int] = (32, 32)) -> Pixels:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def row_of(*colours: tuple[int, int, int]) -> Pixels:
    return np.array([colours], np.uint8)


def decoded(jpeg: bytes) -> Pixels:
    """Returns the pixels of a plain baseline JPEG, by which its variants are judged."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def cmyk() -> Iterator[Accepted]:
    ink = Image.new("CMYK", (32, 32), (0, 128, 255, 64))
    yield Accepted(encoded(ink, "JPEG", quality=100), flat(191, 95, 0), 3)


def gray() -> Iterator[Accepted]:
    yield Accepted(encoded(GRADIENT), np.asarray(GRADIENT.convert("RGB")))
    yield Accepted(encoded(Image.new("L", (32, 32), 77), "JPEG", quality=100), flat(77, 77, 77), 2)


def gray_with_alpha() -> Iterator[Accepted]:
    yield Accepted(
        encoded(Image.new("LA", (32, 32), (0, 51))), flat(204, 204, 204)
    )  # 255 - 255 * 51 / 255


def rgb_with_alpha() -> Iterator[Accepted]:
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        hidden = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
        yield Accepted(encoded(hidden, kind, **options), flat(255, 255, 255))


def palette(*extra: tuple[bytes, bytes]) -> bytes:
    colours = (b"PLTE", bytes([255, 0, 0, 0, 0, 255]))
    return pictures.png(2, 1, 8, pictures.PALETTE, [b"\0\1"], [colours, *extra])


def palettes() -> Iterator[Accepted]:
    yield Accepted(palette(), row_of((255, 0, 0), (0, 0, 255)))


def palettes_with_hidden_red() -> Iterator[Accepted]:
    yield Accepted(palette((b"tRNS", b"\0\xff")), row_of((255, 255, 255), (0, 0, 255)))


def transparent_colour() -> Iterator[Accepted]:
    key = (b"tRNS", struct.pack(">3H", 255, 0, 0))
    row = bytes([255, 0, 0, 0, 255, 0])
    data = pictures.png(2, 1, 8, pictures.RGB, [row], [key])
    yield Accepted(data, row_of((255, 255, 255), (0, 255, 0)))


def one_bit() -> Iterator[Accepted]:
    data = pictures.png(4, 1, 1, pictures.GRAY, [b"\x50"])
    yield Accepted(data, np.repeat(np.array([[0, 255, 0, 255]], np.uint8)[..., None], 3, axis=2))


def gray_16_bit() -> Iterator[Accepted]:
    row = struct.pack(">3H", 0, 30000, 65535)
    data = pictures.png(3, 1, 16, pictures.GRAY, [row])
    yield Accepted(data, row_of((0, 0, 0), (117, 117, 117), (255, 255, 255)))


def rgb_16_bit() -> Iterator[Accepted]:
    row = struct.pack(">6H", 30000, 0, 65535, 255, 256, 65280)
    data = pictures.png(2, 1, 16, pictures.RGB, [row])
    yield Accepted(data, row_of((117, 0, 255), (0, 1, 255)))


STORED = {
    1: NOISE,
    2: NOISE.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: NOISE.transpose(Image.Transpose.ROTATE_180),
    4: NOISE.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: NOISE.transpose(Image.Transpose.TRANSPOSE),
    6: NOISE.transpose(Image.Transpose.ROTATE_90),
    7: NOISE.transpose(Image.Transpose.TRANSVERSE),
    8: NOISE.transpose(Image.Transpose.ROTATE_270),
}
"""How the sensor lay for each orientation that turns it upright."""


def orientations() -> Iterator[Accepted]:
    for orientation, stored in STORED.items():
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
            yield Accepted(encoded(stored, kind, exif=exif, **options), PIXELS)


def corrupt_exif() -> Iterator[Accepted]:
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"):
        yield Accepted(encoded(NOISE, exif=exif), PIXELS)


def colour_profile() -> Iterator[Accepted]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield Accepted(encoded(NOISE, icc_profile=profile), PIXELS)


def invalid_profile() -> Iterator[Accepted]:
    yield Accepted(encoded(NOISE, icc_profile=b"no profile"), PIXELS)


def progressive() -> Iterator[Accepted]:
    plain = encoded(NOISE, "JPEG", quality=90)
    yield Accepted(encoded(NOISE, "JPEG", quality=90, progressive=True), decoded(plain))


def interlaced() -> Iterator[Accepted]:
    yield Accepted(pictures.interlaced_png(PIXELS), PIXELS)


def animated(kind: str, **options: object) -> Callable[[], Iterator[Accepted]]:
    def files() -> Iterator[Accepted]:
        frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
        fields = {"save_all": True, "append_images": frames[1:], "duration": 50, **options}
        yield Accepted(encoded(frames[0], kind, **fields), flat(255, 0, 0))

    return files


def polyglots() -> Iterator[Accepted]:
    plain = encoded(NOISE, "JPEG", quality=90)
    for tail in (b"trailing", b"PK\x03\x04" + bytes(100), plain):
        yield Accepted(plain + tail, decoded(plain))
    yield Accepted(encoded(NOISE) + b"PK\x03\x04" + bytes(100), PIXELS)


def one_pixel() -> Iterator[Accepted]:
    for kind in ("PNG", "GIF"):
        yield Accepted(encoded(Image.new("RGB", (1, 1), "red"), kind), row_of((255, 0, 0)))


def ratio_of_200() -> Iterator[Accepted]:
    for size in ((200, 1), (1, 200)):
        yield Accepted(encoded(Image.new("RGB", size, "red")), flat(255, 0, 0, size=size))


def cut_headers() -> Iterator[Refused]:
    yield Refused(encoded(NOISE)[:20], UNREADABLE)
    yield Refused(encoded(NOISE, "JPEG")[:12], UNREADABLE)
    yield Refused(encoded(NOISE, "GIF")[:9], UNREADABLE)
    yield Refused(encoded(NOISE, "WEBP")[:16], UNREADABLE)


def bad_idat() -> Iterator[Refused]:
    for at in (0.3, 0.5, 0.9):
        data = bytearray(encoded(NOISE))
        data[int(len(data) * at)] ^= 0xFF
        yield Refused(bytes(data), UNREADABLE)


def text_bomb() -> Iterator[Refused]:
    text = b"Comment\0\0" + zlib.compress(bytes(2 * 1024 * 1024))
    data = pictures.png(1, 1, 8, pictures.GRAY, [b"\0"], [(b"zTXt", text)])
    yield Refused(data, UNREADABLE)


def other_formats(*kinds: str, **options: object) -> Callable[[], Iterator[Refused]]:
    return lambda: (Refused(encoded(NOISE, kind, **options), FORMAT) for kind in kinds)


def strangers(*files: bytes) -> Callable[[], Iterator[Refused]]:
    return lambda: (Refused(data, FORMAT) for data in files)


def refused(reason: str, make: Callable[[], bytes]) -> Callable[[], Iterator[Refused]]:
    return lambda: iter([Refused(make(), reason)])


ACCEPTED: dict[int, Callable[[], Iterator[Accepted]]] = {
    1: cmyk,
    2: gray,
    3: gray_with_alpha,
    4: rgb_with_alpha,
    5: palettes,
    6: palettes_with_hidden_red,
    7: transparent_colour,
    8: one_bit,
    9: gray_16_bit,
    10: rgb_16_bit,
    11: orientations,
    12: corrupt_exif,
    13: colour_profile,
    14: invalid_profile,
    15: progressive,
    16: interlaced,
    17: animated("GIF"),
    18: animated("WEBP", lossless=True),
    19: animated("PNG"),
    20: polyglots,
    22: one_pixel,
    34: ratio_of_200,
}
REFUSED: dict[int, Callable[[], Iterator[Refused]]] = {
    25: refused(EMPTY, bytes),
    26: lambda: iter([Refused(b"x", FORMAT), Refused(b"\x89", UNREADABLE)]),
    27: cut_headers,
    28: refused(UNREADABLE, lambda: encoded(NOISE, "JPEG")[:700]),
    29: refused(UNREADABLE, lambda: encoded(NOISE, "JPEG")[:-2]),
    30: bad_idat,
    31: refused(UNREADABLE, lambda: pictures.png_declaring(0, 5)),
    32: refused(TOO_LARGE, lambda: pictures.png_declaring(30_000, 30_000)),
    33: refused(TOO_LARGE, lambda: pictures.png_declaring(12_000, 12_000)),
    34: refused(ASPECT, lambda: encoded(Image.new("L", (1, 10_000)))),
    35: text_bomb,
    36: refused(TOO_LARGE, lambda: pictures.gif(10_000)),
    37: strangers(b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"<?xml version='1.0'?><svg/>"),
    38: strangers(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
    39: other_formats("AVIF", "JPEG2000"),
    40: other_formats("TIFF", save_all=True, append_images=[NOISE]),
    41: strangers(
        b"8BPS\0\1" + bytes(30), b"SIMPLE  =          T", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"%PDF-1.7"
    ),
    42: strangers(b"<!doctype html><img src=x>"),
}
