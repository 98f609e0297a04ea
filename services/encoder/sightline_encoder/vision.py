"""The vision tower: patches in, features out."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.telemetry import log
from torch import nn

from sightline_encoder.families import family_of
from sightline_encoder.preprocess import PreparedImage

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placement:
    """Where the tower runs and in which element type."""

    device: torch.device
    dtype: torch.dtype


def choose_placement(device: str, dtype: str) -> Placement:
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
    return Placement(chosen, kinds[dtype])


class VisionTower:
    """Runs one variable-length forward pass over pictures of any sizes.

    Not safe for several threads at once: the batcher owns the only one.
    """

    def __init__(self, module: nn.Module, config: Any, placement: Placement) -> None:
        self._module = module
        self.placement = placement
        self.hidden_size: int = config.out_hidden_size
        self.patch_size: int = config.patch_size
        self.merge_size: int = config.spatial_merge_size
        self.patch_values: int = (
            config.in_channels * config.temporal_patch_size * config.patch_size**2
        )

    @torch.inference_mode()
    def encode(self, images: Sequence[PreparedImage]) -> list[torch.Tensor]:
        """Returns each picture's or video's features, [num_tokens, hidden_size], on the CPU."""
        device = self.placement.device
        patches = torch.cat([image.patches for image in images]).to(device, self.placement.dtype)
        grid = torch.tensor([row for image in images for row in _still_grids(image)], device=device)
        features = self._module(patches, grid_thw=grid).pooler_output.cpu()
        sizes = [image.num_patches // self.merge_size**2 for image in images]
        if len(images) == 1:
            return [features]
        # A view would keep the whole batch alive for as long as one picture is cached.
        return [part.clone() for part in features.split(sizes)]

    def warm_up(self) -> None:
        """Runs a small picture, so that the first request meets loaded kernels."""
        side = 4 * self.merge_size
        patches = torch.zeros(side * side, self.patch_values)
        self.encode([PreparedImage(patches, (1, side, side), 0, 0)])


def _still_grids(image: PreparedImage) -> list[tuple[int, int, int]]:
    """Returns a grid for every frame group: the tower sees each as a picture of its own."""
    num_groups, rows, columns = image.grid
    return [(1, rows, columns)] * num_groups


def load_vision_tower(checkpoint: Checkpoint, placement: Placement) -> VisionTower:
    """Reads the tower's tensors, and only these, from a checkpoint.

    Raises CheckpointError when tensors are missing, surplus or of other shapes.
    """
    log(_logger, "loading vision tower", device=str(placement.device))
    started = time.monotonic()
    family = family_of(checkpoint)
    config = family.config(checkpoint)
    tensors = checkpoint.load_tensors(family.rename, placement.dtype)
    module = family.build(config)
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint.folder} does not fit its own vision_config: {error}"
        ) from error
    module.eval().requires_grad_(False).to(placement.device)
    num_bytes = sum(tensor.nbytes for tensor in tensors.values())
    _log_loaded(placement, len(tensors), num_bytes, time.monotonic() - started)
    return VisionTower(module, config, placement)


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
