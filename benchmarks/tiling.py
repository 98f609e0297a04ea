"""Tiles beside the whole picture: features, speed, and what nano still answers.

`python -m benchmarks.tiling` measures nano; `--large-tower` the shape of the 9B model's tower
with random weights and some of its layers; `--answers` asks nano about large scenes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image
from sightline_common.checkpoint import Checkpoint
from sightline_encoder.families import FAMILIES
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.units import Unit, join, split
from sightline_encoder.vision import Placement, VisionTower, load_vision_tower, vision_tower
from sightline_encoder.window import Window
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.glm4v.configuration_glm4v import Glm4vVisionConfig

from benchmarks.measure import table
from benchmarks.run import Run, run_parser
from training.examination.answering import Answerer
from training.examination.drawing import draw_prompts, drawn_by_world
from training.examination.exam import EXAMS
from training.processing import Processor

MODULE = "benchmarks.tiling"
FEATURES_HEADER = ("edge", "mode", "CPU s", "mean cosine", "least cosine", "relative error")
CPU = Placement(torch.device("cpu"), torch.float32)
LARGE_TOWER = {
    "hidden_size": 1536,
    "num_heads": 12,
    "intermediate_size": 13696,
    "out_hidden_size": 4096,
}
"""The published shape; `--layers` of its 24."""
Encode = Callable[[VisionTower, PreparedImage], torch.Tensor]


def whole(tower: VisionTower, image: PreparedImage) -> torch.Tensor:
    return tower.encode([image])[0]


def placed(tower: VisionTower, image: PreparedImage) -> torch.Tensor:
    """Tiles with the positions of their place in the whole picture, as served."""
    return _tiled(tower, split(image, tower.tile_rule), own=False)


def own_positions(tower: VisionTower, image: PreparedImage) -> torch.Tensor:
    """Tiles with positions as if each were a picture of its own: the way not taken."""
    return _tiled(tower, split(image, tower.tile_rule), own=True)


MODES: dict[str, Encode] = {"whole": whole, "tiled": placed, "tiled, own": own_positions}


class _Own(Unit):
    """A tile that the tower takes for a whole picture."""

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit.image, unit.group, unit.window, unit.rule)
        self._patches = unit.patches()
        window = Window.whole(unit.window.rows, unit.window.columns)
        object.__setattr__(self, "window", window)

    def patches(self) -> torch.Tensor:
        return self._patches


def _tiled(tower: VisionTower, units: Sequence[Unit], own: bool) -> torch.Tensor:
    features: list[torch.Tensor] = []
    for start in range(0, len(units), 8):  # as a budget of 4096 patches packs them
        batch = units[start : start + 8]
        features += tower.encode_units([_Own(unit) for unit in batch] if own else batch)
    return join(units, features)


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.answers:
        report(arguments, "answers", ["edge", "mode", "right", "of"], _answers(arguments))
    elif arguments.large_tower:
        tower = _large_tower(arguments.layers)
        images = (_noise(tower, edge) for edge in arguments.edges)
        report(arguments, "large-tower", FEATURES_HEADER, _features(arguments, tower, images))
    else:
        tower = load_vision_tower(Checkpoint(arguments.model), CPU)
        picture = _scenes(arguments, 1)[0].resize((max(arguments.edges),) * 2)
        images = (_prepared(arguments.model, picture, edge) for edge in arguments.edges)
        report(arguments, "", FEATURES_HEADER, _features(arguments, tower, images))


def report(
    arguments: argparse.Namespace, form: str, header: Sequence[str], rows: Iterator[list[str]]
) -> None:
    """Shows each row when it is there, and writes all of them."""
    found = []
    for row in rows:
        print(*row, sep="  ", file=sys.stderr, flush=True)
        found.append(row)
    facts = {"header": header, "rows": found, "threads": arguments.threads}
    title = "Tiles beside the whole picture"
    Run(MODULE, form).write(arguments.results, title, table(header, found), facts)


def _features(
    arguments: argparse.Namespace, tower: VisionTower, images: Iterable[PreparedImage]
) -> Iterator[list[str]]:
    """Yields CPU seconds of each mode, and how far its features are from the whole picture's."""
    for image in images:
        reference, whole_s = _timed(whole, tower, image)
        for name in arguments.modes:
            features, seconds = reference, whole_s
            if name != "whole":
                features, seconds = _timed(MODES[name], tower, image)
            cosine = torch.cosine_similarity(features, reference, dim=-1)
            error = float((features - reference).norm() / reference.norm())
            far = [f"{value:.3f}" for value in (float(cosine.mean()), float(cosine.min()), error)]
            yield [str(image.width), name, f"{seconds:.2f}", *far]


def _timed(encode: Encode, tower: VisionTower, image: PreparedImage) -> tuple[torch.Tensor, float]:
    started = time.process_time()
    features = encode(tower, image)
    return features, time.process_time() - started


def _answers(arguments: argparse.Namespace) -> Iterator[list[str]]:
    """Yields how many answers about scenes enlarged to each edge are right, mode by mode."""
    exam = EXAMS[arguments.world]
    items = list(exam.draw(0, arguments.items, arguments.cells, ["en"]))
    prompts = draw_prompts(items, exam.world, drawn_by_world(exam.world))
    tower = load_vision_tower(Checkpoint(arguments.model), CPU)
    for edge in arguments.edges:
        size = {"shortest_edge": 2 * (edge - 28) ** 2, "longest_edge": 2 * edge**2}
        for name in arguments.modes:
            answerer = Answerer.load(arguments.model)
            answerer.processor.image_processor.size = size
            answerer.model.model.visual.forward = _forward(tower, MODES[name])
            answers = answerer.answer(prompts, batch_size=1)
            right = sum(item.grade(answer) for item, answer in zip(items, answers, strict=True))
            yield [str(edge), name, str(right), str(len(items))]


def _forward(tower: VisionTower, encode: Encode) -> Callable[..., BaseModelOutputWithPooling]:
    def forward(
        patches: torch.Tensor, grid_thw: torch.Tensor, **_: object
    ) -> BaseModelOutputWithPooling:
        sizes = grid_thw.prod(dim=1).tolist()
        images = [
            PreparedImage(part, tuple(grid), 0, 0)
            for part, grid in zip(torch.split(patches, sizes), grid_thw.tolist(), strict=True)
        ]
        features = torch.cat([encode(tower, image) for image in images])
        return BaseModelOutputWithPooling(pooler_output=features)

    return forward


def _scenes(arguments: argparse.Namespace, count: int) -> list[Image.Image]:
    world = EXAMS[arguments.world].world
    items = list(EXAMS[arguments.world].draw(0, count, [arguments.cells[0]], ["en"]))
    return [prompt.images[0] for prompt in draw_prompts(items, world, drawn_by_world(world))]


def _prepared(model: Path, picture: Image.Image, edge: int) -> PreparedImage:
    processor = Processor.load(model)
    processor.image_processor.size = {"shortest_edge": 25088, "longest_edge": 2 * edge**2}
    cut = processor.pixels([picture])
    return PreparedImage(cut.values, tuple(cut.grid[0].tolist()), edge, edge)


def _noise(tower: VisionTower, edge: int) -> PreparedImage:
    side = edge // tower.patch_size
    patches = torch.randn(side * side, tower.patch_values, generator=torch.Generator())
    return PreparedImage(patches, (1, side, side), edge, edge)


def _large_tower(layers: int) -> VisionTower:
    config = Glm4vVisionConfig(**LARGE_TOWER, depth=layers)
    family = FAMILIES["glm4v"]
    module = family.build(config).to_empty(device="cpu")
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.02 if parameter.dim() > 1 else 1.0)
    return vision_tower(module.eval().requires_grad_(False), config, CPU)


def _arguments() -> argparse.Namespace:
    parser = run_parser(MODULE, __doc__)
    parser.add_argument("--edges", type=int, nargs="+", default=[672, 1344])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large-tower", action="store_true")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--world", choices=EXAMS, default="whole")
    parser.add_argument("--cells", nargs="+", default=["color", "shape", "count"])
    parser.add_argument("--items", type=int, default=20, help="of each cell")
    return parser.parse_args()


if __name__ == "__main__":
    main()
