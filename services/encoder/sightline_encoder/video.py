"""The decoder of videos, for a worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sightline_common.errors import MediaError, MediaTooLargeError
from torch.nn.functional import interpolate

from sightline_encoder.decoded import Decoded, Plane
from sightline_encoder.frame_sampling import Clip
from sightline_encoder.image import check_byte_count
from sightline_encoder.video_file import unreadable
from sightline_encoder.video_options import VideoOptions
from sightline_encoder.video_stream import FrameCountError, Video


def decode(data: bytes, options: Mapping[str, Any]) -> Decoded:
    """Returns one plane: the taken frames, resized, uint8 [num_frames, 3, height, width].

    The facts are the upright `width` and `height` before resizing, and `timestamps`. Only
    one frame of the file's size is held at a time. Raises a MediaError with a fixed message.
    """
    given = VideoOptions.of(options)
    check_byte_count(len(data), given.limits)
    try:
        return _decode(Video(data, given.limits), given)
    except MediaError:
        raise
    except MemoryError:
        raise MediaTooLargeError("The video needs more memory than there is.") from None
    except Exception as error:
        # FFmpeg's own words may hold anything.
        raise unreadable() from error


def _decode(video: Video, options: VideoOptions) -> Decoded:
    clip = video.clip()
    try:
        return _taken(video, clip, options)
    except FrameCountError as short:
        # An index counts what is never shown: now the number is known.
        if not short.actual:
            raise unreadable("holds no frames") from None
        return _taken(video, replace(clip, num_frames=short.actual), options)


def _taken(video: Video, clip: Clip, options: VideoOptions) -> Decoded:
    indices = options.sampling.indices(clip)
    resizing = replace(options.resizing, num_frames=len(indices))
    width = height = 0
    frames: list[Plane] = []
    for pixels in video.frames(indices):
        height, width, _ = pixels.shape
        frames.append(resized(pixels, resizing.size(width, height)))
    timestamps = options.sampling.timestamps(indices, clip)
    facts = {"width": width, "height": height, "timestamps": timestamps}
    return Decoded([np.stack(frames)], facts)


def resized(pixels: Plane, size: Sequence[int]) -> Plane:
    """Returns RGB uint8 [height, width, 3] as [3, height, width] of `size` (width, height).

    This is the call that torchvision makes for the reference processors: bicubic, with
    antialiasing, on 8-bit samples.
    """
    width, height = size
    frame = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].contiguous()
    if frame.shape[2:] == (height, width):
        return frame[0].numpy()
    shown = interpolate(frame, (height, width), mode="bicubic", antialias=True)
    plane: Plane = shown[0].numpy()
    return plane
