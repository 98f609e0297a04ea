"""The vision tower: patches in, features out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.errors import ParameterUnsupportedError
from sightline_common.telemetry import log
from torch import nn

from sightline_encoder.families import family_of
from sightline_encoder.gated_mlp import activation_of
from sightline_encoder.lean_tower import LeanTower, lean_refusal
from sightline_encoder.native.layers import NativeLayers, native_refusal
from sightline_encoder.packed_attention_choice import choose_packed_attention
from sightline_encoder.patches import as_frames
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.tiling import TileRule
from sightline_encoder.torch_layers import TorchLayers
from sightline_encoder.tower_layers import TowerLayers
from sightline_encoder.tower_weights import TowerWeights
from sightline_encoder.units import Unit, join, split
from sightline_encoder.window import Window

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placement:
    """Where the tower runs and in which element type.

    `integer_attention` lets kernels in float32 attend in 16-bit integers, where those are faster.
    """

    device: torch.device
    dtype: torch.dtype
    integer_attention: bool = False


def choose_placement(device: str, dtype: str, *, integer_attention: bool = False) -> Placement:
    """Resolves "auto": CUDA when there is one, float32 on the CPU, else bfloat16.

    Raises CheckpointError when the device is not there.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        chosen = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise CheckpointError(
            f"SIGHTLINE_ENCODER_DEVICE={device} is not usable on this machine."
        ) from error
    if dtype == "auto":
        dtype = "float32" if chosen.type == "cpu" else "bfloat16"
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    return Placement(chosen, kinds[dtype], integer_attention)


class WindowTower(Protocol):
    """Computes the features of windows that are packed in order, one layer after another.

    One that `takes_stills` takes patches of one frame, too, where all frames are alike.
    """

    takes_tiles: bool
    takes_stills: bool

    def layers(
        self, patches: torch.Tensor, windows: Sequence[Window]
    ) -> Generator[None, None, torch.Tensor]: ...

    def use_threads(self, count: int) -> None: ...


class PlainTower:
    """transformers' own module, for configurations that `LeanTower` does not know."""

    takes_tiles = takes_stills = False

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def use_threads(self, count: int) -> None:
        """Lets the calling thread compute with so many threads from now on."""
        torch.set_num_threads(count)

    def layers(
        self, patches: torch.Tensor, windows: Sequence[Window]
    ) -> Generator[None, None, torch.Tensor]:
        """Computes all layers at once: the module cannot be left in between.

        Raises ParameterUnsupportedError for tiles, whose places the module cannot tell."""
        if not all(window.is_whole for window in windows):
            raise ParameterUnsupportedError(
                "This model has no tiled mode; leave tiling out.", field="header.options.tiling"
            )
        grid = [(1, window.rows, window.columns) for window in windows]
        yield
        features: torch.Tensor = self._module(
            patches, grid_thw=torch.tensor(grid, device=patches.device)
        ).pooler_output
        return features


class VisionTower:
    """Runs one variable-length forward pass over pictures of any sizes.

    On a CPU safe for several threads at once.
    """

    def __init__(
        self, tower: WindowTower, config: Any, placement: Placement, attention: str
    ) -> None:
        self._tower = tower
        self.placement = placement
        self.attention = attention
        self.hidden_size: int = config.out_hidden_size
        self.patch_size: int = config.patch_size
        self.merge_size: int = config.spatial_merge_size
        self._num_channels: int = config.in_channels
        self._num_frames: int = config.temporal_patch_size
        self.patch_values = self._num_channels * self._num_frames * self.patch_size**2
        self.tile_rule = TileRule.of(self.patch_size, self.merge_size)
        self.takes_tiles = tower.takes_tiles

    def use_threads(self, count: int) -> None:
        """Lets the calling thread compute with so many threads from now on."""
        self._tower.use_threads(count)

    @torch.inference_mode()
    def layers(self, units: Sequence[Unit]) -> Generator[None, None, list[torch.Tensor]]:
        """Returns each unit's features, [num_tokens, hidden_size], on the CPU.

        Yields after each layer, where the pass may pause or be given up.
        """
        device, dtype = self.placement.device, self.placement.dtype
        patches = self._packed([unit.patches() for unit in units]).to(device, dtype)
        features = (yield from self._tower.layers(patches, [unit.window for unit in units])).cpu()
        sizes = [unit.num_patches // self.merge_size**2 for unit in units]
        if len(units) == 1:
            return [features]
        # A view would keep the whole batch alive for as long as one picture is cached.
        return [part.clone() for part in torch.split(features, sizes)]

    def _packed(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Returns patches that are all of one frame, or all of whole groups."""
        if not self._tower.takes_stills or len({part.shape[1] for part in parts}) > 1:
            parts = [self._as_group(part) for part in parts]
        return parts[0] if len(parts) == 1 else torch.cat(list(parts))

    def _as_group(self, patches: torch.Tensor) -> torch.Tensor:
        if patches.shape[1] == self.patch_values:
            return patches
        return as_frames(patches, self._num_channels, self._num_frames)

    def encode_units(self, units: Sequence[Unit]) -> list[torch.Tensor]:
        """Returns what `layers` returns, in one go."""
        layers = self.layers(units)
        while True:
            try:
                next(layers)
            except StopIteration as end:
                features: list[torch.Tensor] = end.value
                return features

    def encode(self, images: Sequence[PreparedImage], tiled: bool = False) -> list[torch.Tensor]:
        """Returns each picture's or video's features, [num_tokens, hidden_size], on the CPU."""
        rule = self.tile_rule if tiled else None
        parts = [split(image, rule) for image in images]
        features = iter(self.encode_units([unit for units in parts for unit in units]))
        return [join(units, [next(features) for _ in units]) for units in parts]

    def warm_up(self) -> None:
        """Runs a small picture, so that the first request meets loaded kernels."""
        self._run_square(4)

    def reserve_memory(self, num_patches: int) -> None:
        """Runs a picture of about so many patches; torch keeps what that took of a GPU.

        Where memory does not suffice that is logged: smaller pictures may still pass.
        """
        try:
            self._run_square(max(1, math.isqrt(num_patches) // self.merge_size))
        except torch.OutOfMemoryError:
            self._log_too_large(num_patches)
        else:
            return
        # Only now: the exception held what the pass had computed.
        torch.cuda.empty_cache()

    def _log_too_large(self, num_patches: int) -> None:
        log(
            _logger,
            "no memory for the largest pass: lower SIGHTLINE_ENCODER_BATCH_PATCHES "
            "or SIGHTLINE_ENCODER_MAX_PIXEL_BUDGET",
            logging.WARNING,
            patches=num_patches,
            device=str(self.placement.device),
        )

    def _run_square(self, num_cells: int) -> None:
        side = num_cells * self.merge_size
        patches = torch.zeros(side * side, self.patch_values)
        self.encode([PreparedImage(patches, (1, side, side), 0, 0)])


def load_vision_tower(checkpoint: Checkpoint, placement: Placement) -> VisionTower:
    """Reads the tower's tensors, and only these, from a checkpoint.

    Raises CheckpointError when tensors are missing, surplus or of other shapes.
    """
    log(_logger, "loading vision tower", device=str(placement.device))
    started = time.monotonic()
    family = family_of(checkpoint)
    config = family.config(checkpoint)
    tensors = checkpoint.load_tensors(family.rename, placement.dtype)
    reason = lean_refusal(config)
    if reason is not None:
        log(_logger, "tower is computed by transformers", reason=reason)
    module = family.build(config) if reason is None else family.build_plain(checkpoint)
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint.folder} does not fit its own vision_config: {error}"
        ) from error
    module.eval().requires_grad_(False).to(placement.device)
    num_bytes = sum(tensor.nbytes for tensor in tensors.values())
    _log_loaded(placement, len(tensors), num_bytes, time.monotonic() - started)
    return vision_tower(module, config, placement)


def vision_tower(module: nn.Module, config: Any, placement: Placement) -> VisionTower:
    """Returns what computes a tower's loaded weights, or transformers' own loaded module."""
    if not isinstance(module, TowerWeights):
        return VisionTower(PlainTower(module), config, placement, "transformers")
    layers = tower_layers(module, config, placement)
    return VisionTower(LeanTower(module, config, layers), config, placement, layers.name)


def tower_layers(module: TowerWeights, config: Any, placement: Placement) -> TowerLayers:
    """Returns the fastest layers that there are for a tower where it is placed."""
    reason = native_refusal(config, placement.device, placement.dtype)
    if reason is None:
        layers = NativeLayers([*module.blocks], config.num_heads, placement.integer_attention)
        log(_logger, "tower is computed by compiled kernels", attention=layers.name)
        return layers
    if placement.device.type == "cpu":
        log(_logger, "tower is computed by torch", reason=reason)
    attention = choose_packed_attention(
        placement.device, placement.dtype, config.hidden_size // config.num_heads
    )
    activation = activation_of(config.hidden_act)
    return TorchLayers([*module.blocks], config.num_heads, activation, attention)


def _log_loaded(placement: Placement, tensors: int, num_bytes: int, seconds: float) -> None:
    log(
        _logger,
        "loaded vision tower",
        tensors=tensors,
        bytes=num_bytes,
        seconds=round(seconds, 2),
        device=str(placement.device),
        dtype=str(placement.dtype).removeprefix("torch."),
    )
