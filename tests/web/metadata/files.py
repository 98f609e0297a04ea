"""Pictures that tell a secret wherever a file can hold one."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

SECRET = b"52.5163N 13.3777E"
GPS_TAG, ORIENTATION_TAG, DESCRIPTION_TAG = 0x8825, 0x0112, 0x010E


def gradient(width: int = 24, height: int = 16) -> Image.Image:
    pixels = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (x * 255 // width, y * 255 // height, (x * y) % 256)
    )
    return Image.frombytes("RGB", (width, height), pixels)


def exif(orientation: int | None) -> bytes:
    """Returns EXIF that tells a place, and how to turn the picture."""
    written = Image.Exif()
    if orientation is not None:
        written[ORIENTATION_TAG] = orientation
    written[DESCRIPTION_TAG] = SECRET.decode()
    written.get_ifd(GPS_TAG)[0x001D] = SECRET.decode()
    return written.tobytes()


def colour_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(kind: str, orientation: int | None = None, **options: object) -> bytes:
    """Returns a file with EXIF, XMP, comments, a colour profile and bytes after its end."""
    options.setdefault("exif", exif(orientation))
    if kind == "PNG":
        info = PngInfo()
        info.add_text("Location", SECRET.decode())
        info.add_text("Comment", SECRET.decode(), zip=True)
        info.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        options["pnginfo"] = info
    elif kind == "GIF":
        del options["exif"]
        options["comment"] = SECRET
    else:
        options["xmp"] = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    if kind == "JPEG":
        options["comment"] = SECRET
    if kind != "GIF":
        options["icc_profile"] = colour_profile()
    file = io.BytesIO()
    gradient().save(file, kind, **options)
    return file.getvalue() + b"PK\x03\x04" + SECRET


def animation(kind: str) -> bytes:
    frames = [gradient(), gradient().rotate(180)]
    options: dict[str, object] = {"comment": SECRET} if kind == "GIF" else {"exif": exif(6)}
    file = io.BytesIO()
    frames[0].save(
        file, kind, save_all=True, append_images=frames[1:], duration=[70, 90], loop=3, **options
    )
    return file.getvalue()


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    """Returns a JPEG with more segments at its begin."""
    file = io.BytesIO()
    gradient().save(file, "JPEG")
    extra = (
        bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body for code, body in segments
    )
    return file.getvalue()[:2] + b"".join(extra) + file.getvalue()[2:]


def png_with(name: bytes, body: bytes) -> bytes:
    """Returns a PNG with one more chunk before its end."""
    file = io.BytesIO()
    gradient().save(file, "PNG")
    end = file.getvalue()[-12:]
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return file.getvalue()[:-12] + chunk + end


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name + body


def movie() -> bytes:
    """Returns the boxes of an MP4 that tells its secret four times."""
    place = box(b"\xa9xyz", SECRET)
    track = box(b"trak", box(b"tkhd", b"turned"), box(b"meta", place))
    head = box(b"moov", box(b"mvhd", b"head"), track, box(b"udta", place))
    pixels = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"video"
    return b"".join(
        [box(b"ftyp", b"isom"), box(b"uuid", SECRET), head, box(b"free", SECRET), pixels]
    )
