"""A video's frames, decoded by FFmpeg out of memory and out of nothing else."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from sightline_common.errors import MediaFormatError, MediaTooLargeError

from sightline_encoder.decoded import Plane
from sightline_encoder.frame_sampling import Clip
from sightline_encoder.video_file import unreadable, video_demuxer
from sightline_encoder.video_options import VideoLimits

CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4"})
_DECODERS = "h264,hevc,vp8,vp9,libdav1d,av1,mpeg4"
_MARGIN_PIXELS = 256 * 256
_CONTAINER_OPTIONS = {"protocol_whitelist": "", "codec_whitelist": _DECODERS}


class FrameCountError(Exception):
    """Means that a file held fewer frames than its index said; `actual` is their number."""

    def __init__(self, actual: int) -> None:
        super().__init__(actual)
        self.actual = actual


class Video:
    """A file that is read from its beginning once for each question asked of it.

    Raises MediaError for what cannot be used; the time of `limits` runs from here on.
    """

    def __init__(self, data: bytes, limits: VideoLimits) -> None:
        self._data = data
        self._limits = limits
        self._demuxer = video_demuxer(data)
        self._deadline = time.monotonic() + limits.max_decode_s

    def clip(self) -> Clip:
        """Counts the frames without decoding any; a header's own number is not believed."""
        with self._stream() as (container, stream):
            declared = stream.average_rate
            times: list[float] = []
            for packet in container.demux(stream):
                self._check_time()
                if packet.is_corrupt:
                    raise unreadable()
                if packet.size and not packet.is_discard:
                    times.append(float((packet.pts or 0) * (packet.time_base or 0)))
                    self._check_count(len(times))
        if not times:
            raise unreadable("holds no frames")
        return self.checked(Clip(len(times), float(declared) if declared else _rate(times)))

    def checked(self, clip: Clip) -> Clip:
        """Returns a clip that is not too long; raises MediaTooLargeError."""
        if clip.duration_s > self._limits.max_duration_s:
            raise MediaTooLargeError(
                f"The video is longer than {self._limits.max_duration_s:g} s; send a part of it.",
                metadata={"max_duration_s": f"{self._limits.max_duration_s:g}"},
            )
        return clip

    def frames(self, indices: Sequence[int]) -> Iterator[Plane]:
        """Yields the upright RGB frames, uint8 [height, width, 3], of ascending indices.

        All have one size. An index that stands twice is yielded twice. Raises
        FrameCountError when the file ends before the last of them.
        """
        wanted = iter(indices)
        index, shape = next(wanted), None
        with self._stream() as (container, stream):
            number = -1
            for number, frame in enumerate(container.decode(stream)):
                self._check_time()
                self._check_size(frame.width, frame.height)
                if number < index:
                    continue
                pixels = _upright(frame)
                shape = shape or pixels.shape
                if frame.is_corrupt or pixels.shape != shape:
                    raise unreadable("changes its size midway or is damaged")
                while number == index:
                    yield pixels
                    index = next(wanted, -1)
                if index < 0:
                    return
        raise FrameCountError(number + 1)

    @contextmanager
    def _stream(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        container = av.open(
            io.BytesIO(self._data),
            mode="r",
            format=self._demuxer,
            container_options=_CONTAINER_OPTIONS,
            io_open=_refuse,
        )
        with container:
            stream = _first_video(container)
            self._check_header(stream)
            yield container, stream

    def _check_header(self, stream: VideoStream) -> None:
        context = stream.codec_context
        if stream.codec.canonical_name not in CODECS:
            raise MediaFormatError(
                "The video's codec is not H.264, H.265, VP8, VP9, AV1 or MPEG-4; convert it."
            )
        if min(context.width, context.height) < 1:
            raise unreadable()
        self._check_size(context.width, context.height)
        self._check_count(stream.frames)
        # What the frames themselves say is bounded as well, before they are decoded; there
        # FFmpeg counts the margins that a codec needs.
        context.options = {"max_pixels": str(2 * self._limits.max_pixels + _MARGIN_PIXELS)}
        context.thread_count = 1

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._limits.max_pixels:
            raise MediaTooLargeError(
                f"The video's frames have more than {self._limits.max_pixels} pixels; "
                "send a smaller one.",
                metadata={"max_pixel_count": str(self._limits.max_pixels)},
            )

    def _check_count(self, num_frames: int) -> None:
        if num_frames > self._limits.max_frames:
            raise MediaTooLargeError(
                f"The video has more than {self._limits.max_frames} frames; send a part of it.",
                metadata={"max_frames": str(self._limits.max_frames)},
            )

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise MediaTooLargeError(
                f"The video takes longer than {self._limits.max_decode_s:g} s to decode; "
                "send a shorter or smaller one.",
                metadata={"max_decode_s": f"{self._limits.max_decode_s:g}"},
            )


def _first_video(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise MediaFormatError("The file has no video track; send a video.")


def _rate(times: Sequence[float]) -> float:
    """Returns the frames a second of a file that does not state them."""
    span = max(times) - min(times)
    return (len(times) - 1) / span if span > 0 and math.isfinite(span) else 1.0


def _upright(frame: av.VideoFrame) -> Plane:
    """Converts a frame and turns it as its display matrix says, by quarters only."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return np.rot90(pixels, round(frame.rotation / 90))


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("a video may not open anything else")
