"""The one way from a picture's file bytes to upright RGB pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from PIL import Image, ImageFile
from sightline_common.errors import (
    MediaAspectRatioError,
    MediaEmptyError,
    MediaError,
    MediaFormatError,
    MediaTooLargeError,
    MediaUnreadableError,
)

from sightline_encoder.gif import has_more_frames_than
from sightline_encoder.jpeg import has_more_scans_than
from sightline_encoder.png import has_end

MIME_TYPES = MappingProxyType(
    {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
)
_ORIENTATION_TAG = 0x0112
_UPRIGHT = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_JPEG_KINDS = ("JPEG", "MPO")
_PNG_BIT_DEPTH_AT = 24
MAX_SCANS = 100
"""Encoders write about ten scans; each costs a decoder a pass over the whole picture."""


@dataclass(frozen=True)
class MediaLimits:
    """What a file may be, judged before its pixels are decoded.

    `max_pixels` is width times height; values above 178 million are cut by Pillow's
    own guard. `max_frames` bounds animated files although only the first frame is used.
    """

    max_file_bytes: int = 20 * 1024**2
    max_pixels: int = 40_000_000
    max_side: int = 16384
    max_aspect_ratio: float = 200.0
    max_frames: int = 1000


def decode_image(data: bytes, limits: MediaLimits) -> Image.Image:
    """Returns a file's first frame as RGB: upright, transparency over white.

    Formats are told by magic number, never by name. 16-bit samples keep their upper
    byte, ICC profiles are ignored as the reference processor ignores them, and broken
    EXIF, or an orientation in XMP alone, counts as none. Raises a MediaError whose message
    is fixed: nothing of the decoder's own words reaches a caller.
    """
    check_byte_count(len(data), limits)
    kind = sniff_format(data)
    try:
        return _decode(data, kind, limits)
    except MediaError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(limits) from None
    except MemoryError:
        raise MediaTooLargeError("The picture needs more memory than there is.") from None
    except Exception as error:
        # Decoders raise nearly anything (ValueError, SyntaxError, struct.error ...).
        raise _unreadable(kind) from error


class FileLimits(Protocol):
    """Bounds a file of any kind."""

    @property
    def max_file_bytes(self) -> int: ...


def check_byte_count(byte_count: int, limits: FileLimits) -> None:
    """Raises MediaEmptyError or MediaTooLargeError for an impossible file size."""
    if byte_count == 0:
        raise MediaEmptyError("The file is empty; send one with contents.")
    if byte_count > limits.max_file_bytes:
        raise MediaTooLargeError(
            f"The file has more than {limits.max_file_bytes} bytes; send a smaller one.",
            metadata={"max_byte_count": str(limits.max_file_bytes)},
        )


def sniff_format(data: bytes) -> str:
    """Returns Pillow's name of an accepted format; raises MediaFormatError or
    MediaUnreadableError (the file ends inside its magic number)."""
    for kind, magic in (("PNG", b"\x89PNG\r\n\x1a\n"), ("JPEG", b"\xff\xd8\xff"), ("GIF", b"GIF8")):
        if data.startswith(magic):
            return kind
        if magic.startswith(data):
            raise _unreadable(kind)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if b"RIFF".startswith(data[:4]) and len(data) < 12:
        raise _unreadable("WEBP")
    raise MediaFormatError("The file is not a PNG, JPEG, WebP or GIF picture; convert it to one.")


def _decode(data: bytes, kind: str, limits: MediaLimits) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        _check_size(image, limits)
        _check_frames(image, data, limits)
        _check_scans(image, data)
        covered = _covered_box(image)
        image.load()
        if kind == "PNG" and not has_end(data):
            # Pillow stops reading when it has all rows; the other decoders notice themselves.
            raise _unreadable(kind)
        orientation = _orientation(image)
        rgb = _on_white(_flatten(image, data), covered)
    turn = _UPRIGHT.get(orientation)
    return rgb if turn is None else rgb.transpose(turn)


def _check_size(image: Image.Image, limits: MediaLimits) -> None:
    width, height = image.size
    if min(width, height) < 1:
        raise _unreadable(image.format or "")
    if width * height > limits.max_pixels:
        raise _too_many_pixels(limits)
    if max(width, height) > limits.max_side:
        raise MediaTooLargeError(
            f"A side is longer than {limits.max_side} pixels; send a smaller picture.",
            metadata={"max_side": str(limits.max_side)},
        )
    if max(width, height) > limits.max_aspect_ratio * min(width, height):
        raise MediaAspectRatioError(
            f"One side is more than {limits.max_aspect_ratio:g} times the other; crop the picture.",
            metadata={"max_aspect_ratio": f"{limits.max_aspect_ratio:g}"},
        )


def _check_frames(image: Image.Image, data: bytes, limits: MediaLimits) -> None:
    if image.format == "GIF":
        too_many = has_more_frames_than(data, limits.max_frames)
    else:
        too_many = getattr(image, "n_frames", 1) > limits.max_frames
    if too_many:
        raise MediaTooLargeError(
            f"The animation has more than {limits.max_frames} frames; send one of them.",
            metadata={"max_frames": str(limits.max_frames)},
        )


def _check_scans(image: Image.Image, data: bytes) -> None:
    if image.format in _JPEG_KINDS and has_more_scans_than(data, MAX_SCANS):
        raise MediaTooLargeError(
            f"The JPEG has more than {MAX_SCANS} scans; save it anew.",
            metadata={"max_scans": str(MAX_SCANS)},
        )


def _covered_box(image: ImageFile.ImageFile) -> tuple[int, int, int, int]:
    """Returns what the first frame covers; a GIF's may be smaller than its screen."""
    box = image.tile[0].extents if image.format == "GIF" else None
    return box or (0, 0, *image.size)


def _on_white(image: Image.Image, covered: tuple[int, int, int, int]) -> Image.Image:
    """Makes white what no frame covers: nothing was drawn there, so it is transparent."""
    if covered == (0, 0, *image.size):
        return image
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image.crop(covered), covered[:2])
    return white


def _orientation(image: Image.Image) -> int:
    """Reads EXIF only: Pillow's own getexif turns by XMP as well, which browsers do not."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        return int(exif.get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def _flatten(image: Image.Image, data: bytes) -> Image.Image:
    if image.mode.startswith("I"):
        return _flatten_16_bit(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.format == "PNG":
        _scale_transparent_colour(image, data[_PNG_BIT_DEPTH_AT])
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _flatten_16_bit(image: Image.Image) -> Image.Image:
    samples = np.asarray(image)
    gray = (samples >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is not None:
        gray[samples == transparent] = 255
    return Image.fromarray(gray).convert("RGB")


def _scale_transparent_colour(image: Image.Image, bit_depth: int) -> None:
    """Brings the transparent colour of a PNG, kept in the file's own depth, to 8 bits."""
    colour = image.info.get("transparency")
    if image.mode == "L" and isinstance(colour, int) and bit_depth < 8:
        image.info["transparency"] = colour * 255 // (2**bit_depth - 1)
    elif image.mode == "RGB" and isinstance(colour, tuple) and bit_depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def _too_many_pixels(limits: MediaLimits) -> MediaTooLargeError:
    return MediaTooLargeError(
        f"The picture has more than {limits.max_pixels} pixels; send a smaller one.",
        metadata={"max_pixel_count": str(limits.max_pixels)},
    )


def _unreadable(kind: str) -> MediaUnreadableError:
    return MediaUnreadableError(
        f"The {kind} file is damaged or cut off; send a complete one.", metadata={"format": kind}
    )
