"""What the decoder of videos is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sightline_encoder.frame_sampling import FrameSampling
from sightline_encoder.resizing import Resizing


@dataclass(frozen=True)
class VideoLimits:
    """What a video may be; bytes and header are judged before anything is decoded.

    `max_pixels` is width times height of one frame, `max_frames` counts all that the file
    holds, `max_decode_s` bounds the seconds that decoding it may take.
    """

    max_file_bytes: int = 128 * 1024**2
    max_pixels: int = 4096 * 2304
    max_duration_s: float = 3600.0
    max_frames: int = 216_000
    max_decode_s: float = 40.0


@dataclass(frozen=True)
class VideoOptions:
    """What the decoder is told; `resizing` counts the frames itself."""

    limits: VideoLimits
    sampling: FrameSampling
    resizing: Resizing

    def as_json(self) -> dict[str, Any]:
        """Returns the options of `decode` in a form that JSON can say."""
        return asdict(self)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> VideoOptions:
        """Reads what `as_json` returned."""
        return cls(
            VideoLimits(**options["limits"]),
            FrameSampling(**options["sampling"]),
            Resizing(**options["resizing"]),
        )
