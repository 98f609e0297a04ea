"""Sightline's side: the engine over random weights, without services around it."""

from __future__ import annotations

from collections.abc import Sequence as Chunks
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from sightline_encoder.families import FAMILIES
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.vision import Placement, VisionTower
from sightline_encoder.vision import vision_tower as lean_vision_tower
from sightline_generator.attention.base import Attention, AttentionDemand
from sightline_generator.attention.registry import IMPLEMENTATIONS, choose_attention, refusal
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.decode_graphs import Capture, CudaCapture, call_again
from sightline_generator.engine.engine import Engine
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.graph_shapes import graph_shapes
from sightline_generator.engine.model_runner import KVCache, ModelRunner
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.scheduler import ScheduledChunk, Scheduler, SchedulerLimits
from sightline_generator.engine.sequence import FeatureSpan, SamplingParams, Sequence
from sightline_generator.engine.stop import StopParams, TextPiece
from sightline_generator.families.base import MediumGrid, PlaceholderRange
from sightline_generator.families.glm4v import Glm4vFamily
from transformers.models.glm4v.configuration_glm4v import Glm4vVisionConfig

from benchmarks.gpu.configuration import Config
from benchmarks.gpu.timing import MemoryShortage

GRAIN = 16
UNHURRIED_S = 3600.0
"""No prompt is cut for the sake of others' pace."""


class SilentReader:
    """Reads tokens as nothing: text costs the host, not the device."""

    num_reasoning_tokens = 0

    def push(self, token_id: int) -> TextPiece:
        return TextPiece()

    def flush(self) -> TextPiece:
        return TextPiece()


class CandidRunner(ModelRunner):
    """Does not leave it to the engine to survive a lack of memory."""

    def run(self, chunks: Chunks[ScheduledChunk]) -> torch.Tensor:
        try:
            return super().run(chunks)
        except torch.OutOfMemoryError as error:
            raise MemoryShortage from error


class Mode(NamedTuple):
    """How steps are computed: captured or not, and with the next one scheduled meanwhile or not."""

    attention: Attention[Any]
    graphs: bool
    overlap: bool

    @property
    def name(self) -> str:
        return f"{self.attention.name}, graphs {self.graphs}, overlap {self.overlap}"


@dataclass(frozen=True)
class Picture:
    """A prepared image and its grid of patches."""

    image: PreparedImage
    grid: MediumGrid


class Ours:
    """The language model, ready to be put into engines of any size."""

    def __init__(
        self,
        config: Config,
        weights: dict[str, torch.Tensor],
        device: torch.device,
        dtype: torch.dtype,
        attention: str = "auto",
    ) -> None:
        self.family = Glm4vFamily(config)
        self.device = device
        self.dtype = dtype
        own = {self.family.rename_tensor(name): tensor for name, tensor in weights.items()}
        tensors = {name: tensor for name, tensor in own.items() if name is not None}
        self._model = self.family.build(tensors, device)
        self.attention = choose_attention(attention, GRAIN, self.demand)

    @property
    def demand(self) -> AttentionDemand:
        """What the model asks of attention here."""
        return AttentionDemand(self.device, self.dtype, self.family.shape.head_size)

    def engine(
        self,
        num_tokens: int,
        max_num_seqs: int = 1,
        mode: Mode | None = None,
        step_tokens: int | None = None,
        cache: KVCache | None = None,
    ) -> Engine:
        """Returns an engine that holds `num_tokens` for each of `max_num_seqs` sequences.

        A step computes `step_tokens`, by default all; nothing comes from a prefix cache. With
        graphs, the decoding step of all sequences is captured. Engines that take turns may
        share a `cache`.
        """
        mode = mode or self.served
        cache = cache or self.cache(num_tokens, max_num_seqs, mode.attention)
        runner = CandidRunner(self._model, cache, mode.attention)
        if mode.graphs:
            shapes = runner.graph_shapes([max_num_seqs], num_tokens)
            assert shapes, "ask `captures` before"
            list(runner.capture(shapes, num_tokens, self._capture()))
        step_tokens = step_tokens or max_num_seqs * num_tokens
        limits = SchedulerLimits(max_num_seqs, step_tokens, max_step_s=UNHURRIED_S)
        blocks = BlockManager(cache.num_blocks, cache.block_size, caching=False)
        sampler = Sampler(waits=self.device.type == "cpu")
        return Engine(Scheduler(limits, blocks), runner, sampler, overlap=mode.overlap)

    def cache(self, num_tokens: int, max_num_seqs: int, attention: Attention[Any]) -> KVCache:
        """Returns a cache that holds `num_tokens` for each of `max_num_seqs` sequences.

        And a block more for each, since the scheduler keeps one in hand when another joins.
        """
        block_size = attention.block_size
        num_blocks = max_num_seqs * (1 + -(-num_tokens // block_size))
        return KVCache(self.family.shape, num_blocks, block_size, self.device, self.dtype)

    @property
    def served(self) -> Mode:
        """How the generator would serve here."""
        on_gpu = self.device.type == "cuda"
        return Mode(self.attention, graphs=on_gpu and self.attention.capturable, overlap=on_gpu)

    def modes(self) -> list[Mode]:
        """Returns what the generator can be set to here: attention, graphs, and overlap.

        On a CPU a plain call stands for a graph, so that everything can be tried out.
        """
        attentions = [self.attention]
        for kind in IMPLEMENTATIONS:
            serves = kind.capturable and refusal(kind, self.demand) is None
            if serves and kind is not type(self.attention):
                attentions.append(kind(kind.block_size_for(GRAIN), self.dtype))
        return [
            Mode(attention, graphs, overlap)
            for attention in attentions
            for graphs in (False, True)
            if not graphs or attention.capturable or self.device.type == "cpu"
            for overlap in (False, True)
        ]

    def captures(self, mode: Mode, num_tokens: int, max_num_seqs: int) -> bool:
        """Tells whether a mode has graphs for a batch, where it has any."""
        shapes = graph_shapes(mode.attention, [max_num_seqs], num_tokens)
        return bool(shapes) or not mode.graphs

    def _capture(self) -> Capture:
        return CudaCapture(self.device) if self.device.type == "cuda" else call_again

    def text(self, token_ids: list[int], max_tokens: int) -> Sequence:
        """Returns a greedy sequence of exactly `max_tokens`."""
        return self._sequence(token_ids, max_tokens, [], [])

    def about_picture(
        self,
        token_ids: list[int],
        max_tokens: int,
        picture: Picture,
        image_token_id: int,
        features: torch.Tensor,
    ) -> Sequence:
        """Returns a sequence whose prompt begins with a picture."""
        length = self.family.token_count(picture.grid)
        span = FeatureSpan(0, length, content="picture", features=FeatureRows.of(features))
        placeholder = PlaceholderRange(0, length, picture.grid)
        prompt = [image_token_id] * length + token_ids
        return self._sequence(prompt, max_tokens, [placeholder], [span])

    def _sequence(
        self,
        token_ids: list[int],
        max_tokens: int,
        ranges: list[PlaceholderRange],
        spans: list[FeatureSpan],
    ) -> Sequence:
        positions = self.family.positions(len(token_ids), ranges)
        return Sequence(
            prompt_token_ids=token_ids,
            position_ids=positions.position_ids,
            position_delta=positions.delta,
            sampling=SamplingParams(),
            stop=StopParams(max_tokens),
            reader=SilentReader(),
            feature_spans=spans,
        )


def vision_tower(
    config: Config, weights: dict[str, torch.Tensor], device: torch.device, dtype: torch.dtype
) -> VisionTower:
    """Returns the encoder's tower over random weights."""
    family = FAMILIES[config["model_type"]]
    vision_config = Glm4vVisionConfig(**config["vision_config"])
    module = family.build(vision_config)
    own = {family.rename(name): tensor for name, tensor in weights.items()}
    tensors = {name: tensor for name, tensor in own.items() if name is not None}
    module.load_state_dict(tensors, assign=True)
    module.eval().requires_grad_(False).to(device)
    return lean_vision_tower(module, vision_config, Placement(device, dtype))


def random_picture(config: Config, edge: int) -> Picture:
    """Returns a square picture of `edge` pixels, as its processor would give it."""
    vision = config["vision_config"]
    side = edge // vision["patch_size"]
    width = 3 * vision["temporal_patch_size"] * vision["patch_size"] ** 2
    patches = torch.randn(side * side, width, generator=torch.Generator().manual_seed(0))
    return Picture(PreparedImage(patches, (1, side, side), edge, edge), MediumGrid(1, side, side))


def columns(mode: Mode) -> dict[str, str]:
    """Returns what a table says about a mode."""
    return {
        "attention": mode.attention.name,
        "CUDA graphs": "on" if mode.graphs else "off",
        "overlap": "on" if mode.overlap else "off",
    }


def run_to_end(engine: Engine) -> None:
    """Steps until nothing is left; raises the first error of a sequence."""
    while engine.has_work:
        step(engine)


def step(engine: Engine) -> None:
    """Computes one step; raises the first error of a sequence."""
    for update in engine.step():
        if update.error is not None:
            raise update.error
