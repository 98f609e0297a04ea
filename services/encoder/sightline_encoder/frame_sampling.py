"""Which frames of a video the model is shown: the rules of the glm4v and glm46v processors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_FRAMES = 640
"""The most frames that are taken from a video: glm46v's own bound."""
_RATES = ((30.0, 3.0), (300.0, 1.0))
_SLOWEST_RATE = 0.5
_LONGEST_S = 2400


@dataclass(frozen=True)
class Clip:
    """A video's frames as a processor counts them: all equally long, `fps` of them a second."""

    num_frames: int
    fps: float

    @property
    def duration_s(self) -> float:
        return self.num_frames / self.fps


@dataclass(frozen=True)
class FrameSampling:
    """Says which frames are taken.

    `rule` is "glm46v", whose density falls with the duration, or "glm4v", which takes
    `fps` frames a second, of at most `max_duration_s` seconds. A request's `frame_rate`
    takes the place of either density; its `max_frames` bounds what is taken.
    """

    rule: str
    fps: float = 2.0
    max_duration_s: float = 300.0
    temporal_patch_size: int = 2
    frame_rate: float | None = None
    max_frames: int | None = None

    def indices(self, clip: Clip) -> list[int]:
        """Returns the indices of the taken frames, ascending, an even number.

        The last one stands twice where their number would be odd. Where a processor would
        take nothing of a very short video, its first frame is taken.
        """
        chosen = self._dense(clip) if self.rule == "glm46v" else self._steady(clip)
        unique = list(dict.fromkeys(chosen)) or [0]
        return unique + unique[-1:] if len(unique) % 2 else unique

    def timestamps(self, indices: Sequence[int], clip: Clip) -> list[float]:
        """Returns the second at which each group of frames begins."""
        return [index / clip.fps for index in indices[:: self.temporal_patch_size]]

    @property
    def _bound(self) -> int:
        most = MAX_FRAMES if self.max_frames is None else min(self.max_frames, MAX_FRAMES)
        return most - most % 2

    def _dense(self, clip: Clip) -> list[int]:
        seconds = min(clip.duration_s, _LONGEST_S)
        rate = self._rate(seconds) * self.temporal_patch_size
        wanted = min(int(seconds * rate), self._bound)
        if clip.num_frames < wanted:
            return _spread(0, clip.num_frames - 1, wanted)
        chosen = _each_interval(clip, 1 / rate)
        if len(chosen) < wanted:
            return _spread(chosen[0], chosen[-1], wanted)
        return chosen if len(chosen) == wanted else _spread(0, clip.num_frames - 1, wanted)

    def _rate(self, seconds: float) -> float:
        """Returns groups of frames a second."""
        if self.frame_rate is not None:
            return self.frame_rate / self.temporal_patch_size
        return next((rate for longest, rate in _RATES if seconds <= longest), _SLOWEST_RATE)

    def _steady(self, clip: Clip) -> list[int]:
        chosen = self._steady_unbounded(clip)
        if self.max_frames is None and self.frame_rate is None:
            return chosen
        chosen = list(dict.fromkeys(chosen))
        if len(chosen) <= self._bound:
            return chosen
        return [chosen[place] for place in _spread(0, len(chosen) - 1, self._bound)]

    def _steady_unbounded(self, clip: Clip) -> list[int]:
        rate = self.fps if self.frame_rate is None else self.frame_rate
        last, duration = clip.num_frames - 1, clip.duration_s
        if duration <= self.max_duration_s:
            wanted = max(math.floor(duration * rate), 1)
            return [min(last, math.ceil(number * clip.fps / rate)) for number in range(wanted)]
        wanted = int(self.max_duration_s * rate)
        if wanted >= clip.num_frames:
            return list(range(clip.num_frames))
        moments = np.linspace(0, duration, wanted).tolist()
        return [min(last, math.ceil(moment * clip.fps)) for moment in moments]


def _each_interval(clip: Clip, interval_s: float) -> list[int]:
    """Returns the first frame of every interval that begins within the whole seconds."""
    frame_s = 1 / clip.fps
    whole_seconds = int(clip.duration_s)
    chosen: list[int] = []
    due: float = 0
    for index in range(clip.num_frames):
        if index * frame_s >= due:
            due += interval_s
            chosen.append(index)
            if due >= whole_seconds:
                break
    return chosen


def _spread(first: int, last: int, count: int) -> list[int]:
    indices: list[int] = np.linspace(first, last, count, dtype=int).tolist()
    return indices
