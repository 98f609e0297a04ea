"""Where a new picture's CPU time goes on both sides, and what arithmetic alone would take."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from PIL import Image
from sightline_common.checkpoint import Checkpoint
from sightline_encoder.image import MediaLimits
from sightline_encoder.preprocess import PreparedImage, Preprocessor, load_preprocessor
from sightline_encoder.vision import Placement, VisionTower, load_vision_tower
from transformers import AutoImageProcessor, AutoModelForImageTextToText

from benchmarks.encoder.mixture import MIXTURE, Shape, picture
from benchmarks.encoder.one_thread import one_thread
from benchmarks.encoder.part import Options, Say, Section
from benchmarks.measure import median, table

CPU = Placement(torch.device("cpu"), torch.float32)
SIDE = 1024
"""Of the square matrices whose product says how fast this core multiplies."""
HEADER = (
    "picture",
    "patches",
    "transformers: file to patches",
    "its tower",
    "ours: file to patches",
    "our tower",
    "the tower's products alone",
)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Costs:
    """CPU seconds of one picture on one thread; `products_s` at the speed of a large product."""

    picture: str
    num_patches: int
    plain_patches_s: float
    plain_tower_s: float
    our_patches_s: float
    our_tower_s: float
    products_s: float

    @property
    def plain_s(self) -> float:
        return self.plain_patches_s + self.plain_tower_s

    @property
    def our_s(self) -> float:
        return self.our_patches_s + self.our_tower_s

    @property
    def least_s(self) -> float:
        """What would be left of ours if the tower did nothing but multiply."""
        return self.our_patches_s + self.products_s


@dataclass(frozen=True)
class Bench:
    """Both sides in this process."""

    processor: Any
    module: Any
    preprocessor: Preprocessor
    tower: VisionTower
    flops_per_s: float

    @classmethod
    def load(cls, options: Options) -> Bench:
        checkpoint = Checkpoint(options.model)
        model = AutoModelForImageTextToText.from_pretrained(
            options.model, dtype=torch.float32, attn_implementation="sdpa"
        )
        return cls(
            AutoImageProcessor.from_pretrained(options.model),
            model.eval().model.visual,
            load_preprocessor(checkpoint, MediaLimits(), 1),
            load_vision_tower(checkpoint, CPU),
            flops_per_s(),
        )

    @torch.inference_mode()
    def costs(self, shape: Shape, rounds: int) -> Costs:
        """Lets both sides take turns at one picture; medians behind one uncounted round."""
        file = picture(shape, 0)
        found = [self._round(file) for _ in range(rounds + 1)][1:]
        num_patches = self._prepared(file).num_patches
        products_s = tower_flops(self.module, num_patches) / self.flops_per_s
        name = f"{shape.width} x {shape.height} {shape.format}"
        plain_patches_s, plain_tower_s, our_patches_s, our_tower_s = map(
            median, zip(*found, strict=True)
        )
        return Costs(
            picture=name,
            num_patches=num_patches,
            plain_patches_s=plain_patches_s,
            plain_tower_s=plain_tower_s,
            our_patches_s=our_patches_s,
            our_tower_s=our_tower_s,
            products_s=products_s,
        )

    def _round(self, file: bytes) -> tuple[float, float, float, float]:
        cut, plain_patches_s = cpu_timed(partial(self._processed, file))
        _, plain_tower_s = cpu_timed(
            lambda: self.module(cut["pixel_values"], grid_thw=cut["image_grid_thw"])
        )
        image, our_patches_s = cpu_timed(partial(self._prepared, file))
        _, our_tower_s = cpu_timed(lambda: self.tower.encode([image]))
        return plain_patches_s, plain_tower_s, our_patches_s, our_tower_s

    def _processed(self, file: bytes) -> Any:
        image = Image.open(io.BytesIO(file)).convert("RGB")
        return self.processor(images=[image], return_tensors="pt")

    def _prepared(self, file: bytes) -> PreparedImage:
        return self.preprocessor.prepare(file, self.preprocessor.pixel_budget())


def measure(options: Options, say: Say) -> Section:
    """Measures every kind of picture in the mixture, without processes, sockets or threads."""
    say("profile")
    with one_thread():
        bench = Bench.load(options)
        found = [bench.costs(shape, options.rounds) for shape in MIXTURE]
    facts = {"gflops_per_s": bench.flops_per_s / 1e9, "pictures": [asdict(each) for each in found]}
    return Section("Where a new picture's time goes", report_text(found, bench.flops_per_s), facts)


def report_text(found: Sequence[Costs], speed: float) -> str:
    """Returns the table, and what follows from it for the mixture."""
    plain, ours, least = (
        sum(getattr(each, name) for each in found) for name in ("plain_s", "our_s", "least_s")
    )
    return (
        f"CPU ms on one thread, medians. A product of {SIDE}×{SIDE} matrices runs at "
        f"{speed / 1e9:.0f} GFLOP/s here; the last column is the tower's floating point "
        f"operations at that speed.\n\n{table(HEADER, [_row(each) for each in found])}\n\n"
        f"Over the mixture transformers takes {plain / ours:.2f} times our CPU time. A tower that "
        f"did nothing but multiply would make that {plain / least:.2f}."
    )


def _row(costs: Costs) -> list[str]:
    seconds = (
        costs.plain_patches_s,
        costs.plain_tower_s,
        costs.our_patches_s,
        costs.our_tower_s,
        costs.products_s,
    )
    return [costs.picture, str(costs.num_patches), *(f"{each * 1e3:.0f}" for each in seconds)]


def tower_flops(module: Any, num_patches: int) -> float:
    """Counts what a Glm4v tower multiplies and adds for one picture: weights, and attention."""
    merged = num_patches / module.spatial_merge_size**2
    linear = num_patches * (num_values(module.patch_embed) + num_values(module.blocks))
    linear += merged * (num_values(module.downsample) + num_values(module.merger))
    attention = 2 * num_patches**2 * module.config.hidden_size * module.config.depth
    return 2.0 * float(linear + attention)


def num_values(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flops_per_s() -> float:
    """Returns the speed of one core at a large product, the best of some."""
    matrix = torch.randn(SIDE, SIDE)
    fastest = min(cpu_timed(lambda: matrix @ matrix)[1] for _ in range(10))
    return 2.0 * SIDE**3 / fastest


def cpu_timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Returns a result and the CPU seconds that it took, which other work hardly changes."""
    started = time.process_time()
    result = work()
    return result, time.process_time() - started
