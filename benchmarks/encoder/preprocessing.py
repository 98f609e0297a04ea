"""Pixels to patches: our cut beside the checkpoint's processor, value for value the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from sightline_encoder.patches import as_frames
from sightline_encoder.preprocess import PixelBudget, patch_cutter, processor_resizing
from sightline_encoder.resampling import equip
from sightline_encoder.resampling_library import resampling_library

from benchmarks.encoder.one_thread import one_thread
from benchmarks.encoder.part import Options, Say, Section
from benchmarks.measure import median, table

SIZES = ((336, 336), (640, 480), (1280, 720), (1920, 1080), (4000, 3000))
BUDGET = PixelBudget(112 * 112, 9_633_792)
"""The bounds of GLM-4.6V-Flash."""
HEADER = ("picture", "patches", "processor ms", "ours ms", "times as fast")

Cut = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Comparison:
    """Seconds of each round, the same number of patches on both sides."""

    num_patches: int
    ours_s: Sequence[float]
    processor_s: Sequence[float]


def measure(options: Options, say: Say) -> Section:
    """Compares resizing and cutting on one thread, without decoding."""
    say("preprocessing")
    if library := resampling_library():
        equip(library)
    processor = transformers.AutoImageProcessor.from_pretrained(options.model, backend="pil")
    with one_thread():
        found = [_compare(processor, size, options.rounds) for size in SIZES]
    about = (
        f"{type(processor).__name__}, one thread, no decoding, bounds of GLM-4.6V-Flash; medians."
    )
    rows = table(HEADER, [comparison_row(each) for each in found])
    facts = {"processor": type(processor).__name__, "budget": asdict(BUDGET), "sizes": found}
    return Section("Preprocessing", f"{about}\n\n{rows}", facts)


def _compare(processor: Any, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    found = compare(*_paths(processor, Image.fromarray(pixels)), rounds)
    return {"picture": f"{size[0]} x {size[1]}", **asdict(found)}


def compare(ours: Cut, theirs: Cut, rounds: int) -> Comparison:
    """Lets two ways to the same patches take turns; raises RuntimeError when patches differ.

    Ours are one frame of those that are all alike, as our tower takes them.
    """
    patches, frames = ours(), theirs()
    if not torch.equal(as_frames(patches, 3, frames.shape[1] // patches.shape[1]), frames):
        raise RuntimeError("our patches differ from the processor's")
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    return Comparison(len(patches), [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def comparison_row(found: Mapping[str, Any]) -> list[str]:
    """Returns a table's row under HEADER."""
    pairs = zip(found["processor_s"], found["ours_s"], strict=True)
    return [
        found["picture"],
        str(found["num_patches"]),
        f"{median(found['processor_s']) * 1e3:.1f}",
        f"{median(found['ours_s']) * 1e3:.1f}",
        f"{median([theirs / ours for theirs, ours in pairs]):.1f}",
    ]


def _paths(processor: Any, image: Image.Image) -> tuple[Cut, Cut]:
    resizing, cutter = processor_resizing(processor, BUDGET), patch_cutter(processor)
    if cutter is None:
        raise RuntimeError("this processor's configuration is not one of ours")

    def ours() -> torch.Tensor:
        return torch.from_numpy(cutter.cut(resizing.apply(image)))

    def theirs() -> torch.Tensor:
        cut = processor(images=[image], size=asdict(BUDGET), return_tensors="pt")
        patches: torch.Tensor = cut["pixel_values"]
        return patches

    return ours, theirs


def _seconds(cut: Cut) -> float:
    began = time.perf_counter()
    cut()
    return time.perf_counter() - began
