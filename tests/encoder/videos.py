"""Small videos, made by PyAV where they are needed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from multiprocessing import get_context
from typing import Any

import av
import numpy as np
from PIL import Image

CODECS = {
    "h264": "libx264",
    "hevc": "libx265",
    "mpeg4": "mpeg4",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "mjpeg": "mjpeg",
}
_OPTIONS = {
    # x264's own code for AVX-512 writes another file every few times.
    "libx264": {"x264-params": "asm=0"},
    "libx265": {"x265-params": "log-level=none"},
}


def scene(index: int, width: int, height: int) -> np.ndarray:
    """Draws a bright square that wanders over a gradient."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 200, width, dtype=np.uint8)
    pixels[..., 1] = np.linspace(0, 200, height, dtype=np.uint8)[:, None]
    left = index * 7 % (width - 16)
    pixels[4:20, left : left + 16] = (255, 40, index * 11 % 256)
    return pixels


def video(num_frames: int = 20, *, codec: str = "h264", **wanted: Any) -> bytes:
    """Returns a file of scenes, as `_written` describes it.

    FFmpeg's wrapper of x265 reads memory that it never wrote: only a fresh process has zeros there.
    SVT-AV1 gives the thread that calls it, where it may, a real-time priority before which
    everything else on the machine stands still; that ends with its process.
    """
    if codec not in ("hevc", "av1"):
        return _written(num_frames, codec=codec, **wanted)
    with get_context("spawn").Pool(1) as fresh:  # ends its process, whatever that does
        return fresh.apply_async(_written, (num_frames,), {"codec": codec, **wanted}).get(120)


def _written(
    num_frames: int,
    rate: int | Fraction = 10,
    size: tuple[int, int] = (96, 64),
    codec: str = "h264",
    container: str = "mp4",
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    cover: bool = False,
    sound: bool = False,
    resize_at: int | None = None,
) -> bytes:
    """Returns a file of scenes; `times` are the frames' moments in tenths of a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options or {}) as file:
        encoder = CODECS[codec]
        stream = file.add_stream(encoder, rate=rate, options=_OPTIONS.get(encoder, {}))
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        attached = _add_cover(file) if cover else None
        noise = file.add_stream("aac", rate=8000, layout="mono") if sound else None
        file.start_encoding()
        if attached is not None:
            file.mux(attached)
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(scene(index, *size), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if noise is not None:
            file.mux(noise.encode(_silence()))
            file.mux(noise.encode())
    return buffer.getvalue()


def _silence() -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate = 8000
    return frame


def _add_cover(file) -> av.Packet:
    picture = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(picture, "JPEG")
    stream = file.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    packet = av.Packet(picture.getvalue())
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    packet.is_keyframe = True
    return packet


def sound_only() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        noise = file.add_stream("aac", rate=8000, layout="mono")
        file.mux(noise.encode(_silence()))
        file.mux(noise.encode())
    return buffer.getvalue()


def turned(data: bytes, quarters: int) -> bytes:
    """Returns an MP4 whose track header says to turn it clockwise, as a telephone writes it."""
    one, minus, zero = bytes([0, 1, 0, 0]), bytes([255, 255, 0, 0]), bytes(4)
    a, b, c, d = {
        1: (zero, one, minus, zero),
        2: (minus, zero, zero, minus),
        3: (zero, minus, one, zero),
    }[quarters]
    last = bytes([0x40, 0, 0, 0])
    upright = one + zero * 3 + one + zero * 3 + last
    at = data.index(upright, data.index(b"tkhd"))
    matrix = a + b + zero + c + d + zero * 3 + last
    return data[:at] + matrix + data[at + len(upright) :]


def patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """Returns a file in which the bytes behind a box's name are others."""
    at = data.index(name) + len(name) + offset
    return data[:at] + value + data[at + len(value) :]
