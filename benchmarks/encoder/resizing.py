"""Pixels to pixels of another size: the kernels beside Pillow, byte for byte the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sightline_encoder.native.resampler import Resampler
from sightline_encoder.resampling_library import resampling_library

from benchmarks.encoder.part import Options, Say, Section
from benchmarks.measure import median, table

KIND = Image.Resampling.BICUBIC
SIZES = (
    ((336, 336), (672, 672)),
    ((640, 480), (644, 476)),
    ((672, 672), (896, 896)),
    ((1280, 720), (896, 504)),
    ((1080, 2400), (448, 980)),
    ((1920, 1080), (896, 504)),
    ((1920, 1080), (1344, 756)),
    ((1920, 1080), (1932, 1092)),
    ((3000, 2000), (812, 532)),
    ((4000, 3000), (2520, 1876)),
)
"""What sightline-nano sees of pictures, what wider bounds would show, and enlargements."""
HEADER = ("before", "after", "Pillow ms", "kernels ms", "times as fast")
ROUNDS_A_ROUND = 5

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Timing:
    """Seconds of CPU of each round."""

    before: tuple[int, int]
    after: tuple[int, int]
    pillow_s: Sequence[float]
    kernels_s: Sequence[float]


def measure(options: Options, say: Say) -> Section:
    """Lets Pillow and the kernels take turns; raises RuntimeError without a compiler."""
    say("resizing")
    library = resampling_library()
    if library is None:
        raise RuntimeError("there are no kernels to be measured on this machine")
    resampler = Resampler(library)
    rounds = options.rounds * ROUNDS_A_ROUND
    found = [_compare(resampler, before, after, rounds) for before, after in SIZES]
    about = (
        "Bicubic, from a picture of Pillow's to an array, noise, one thread; medians of "
        f"{rounds} rounds of CPU time."
    )
    rows = table(HEADER, [_row(asdict(each)) for each in found])
    return Section("Resizing", f"{about}\n\n{rows}", {"sizes": [asdict(each) for each in found]})


def _compare(
    resampler: Resampler, before: tuple[int, int], after: tuple[int, int], rounds: int
) -> Timing:
    samples = np.random.default_rng(0).integers(0, 256, (*before[::-1], 3), dtype=np.uint8)
    image = Image.fromarray(samples)

    def pillow() -> Pixels:
        return np.asarray(image.resize(after, KIND))

    def kernels() -> Pixels | None:
        return resampler.resampled(image, after, KIND)

    found = kernels()
    if found is None or not np.array_equal(pillow(), found):
        raise RuntimeError("the kernels' pixels differ from Pillow's")
    pairs = [(_seconds(pillow), _seconds(kernels)) for _ in range(rounds)]
    return Timing(before, after, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def _row(found: Mapping[str, Any]) -> list[str]:
    pairs = zip(found["pillow_s"], found["kernels_s"], strict=True)
    return [
        *(" x ".join(map(str, found[name])) for name in ("before", "after")),
        *(f"{median(found[name]) * 1e3:.1f}" for name in ("pillow_s", "kernels_s")),
        f"{median([pillow / kernels for pillow, kernels in pairs]):.1f}",
    ]


def _seconds(resample: Callable[[], Pixels | None]) -> float:
    began = time.thread_time()
    resample()
    return time.thread_time() - began
