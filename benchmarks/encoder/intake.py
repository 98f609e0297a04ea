"""File to patches: a worker process and our cut beside the checkpoint's processor in place."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
import transformers
from PIL import Image
from sightline_common.checkpoint import Checkpoint
from sightline_encoder.image import MediaLimits
from sightline_encoder.preprocess import Preprocessor, load_preprocessor
from sightline_encoder.resampling_library import resampling_library
from sightline_encoder.worker_pool import WorkerPool

from benchmarks.encoder.mixture import MIXTURE, Shape, picture
from benchmarks.encoder.part import Options, Say, Section
from benchmarks.encoder.preprocessing import HEADER, compare, comparison_row
from benchmarks.measure import table


def measure(options: Options, say: Say) -> Section:
    """Compares one picture at a time: what a worker process costs, and what the cut spares."""
    say("intake")
    processor = transformers.AutoImageProcessor.from_pretrained(options.model, backend="pil")
    with closing(WorkerPool(1, kernels=resampling_library())) as pool:
        checkpoint = Checkpoint(options.model)
        preprocessor = load_preprocessor(checkpoint, MediaLimits(), 1, pool.decode)
        found = [_compare(preprocessor, processor, shape, options.rounds) for shape in MIXTURE]
    about = "One picture after the other, decoding included, the checkpoint's own bounds; medians."
    rows = table(HEADER, [comparison_row(each) for each in found])
    return Section("From file to patches", f"{about}\n\n{rows}", {"pictures": found})


def _compare(
    preprocessor: Preprocessor, processor: Any, shape: Shape, rounds: int
) -> dict[str, Any]:
    file = picture(shape, 0)
    prepare = partial(preprocessor.prepare, file, preprocessor.pixel_budget())
    name = f"{shape.width} x {shape.height} {shape.format}"
    found = compare(lambda: prepare().patches, partial(_by_processor, processor, file), rounds)
    return {"picture": name, **asdict(found)}


def _by_processor(processor: Any, file: bytes) -> torch.Tensor:
    image = Image.open(io.BytesIO(file)).convert("RGB")
    patches: torch.Tensor = processor(images=[image], return_tensors="pt")["pixel_values"]
    return patches
