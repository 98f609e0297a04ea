"""GLM-4V's vision tower over packed windows: what the checkpoint means, and little else."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch.nn.functional import gelu, layer_norm

from sightline_encoder.gated_mlp import GatedMlp, activation_of, knows_activation
from sightline_encoder.patch_embedding import PatchEmbedding
from sightline_encoder.positions import PositionTables, axial_frequencies
from sightline_encoder.torch_layers import RmsNorm
from sightline_encoder.tower_layers import TowerLayers
from sightline_encoder.tower_weights import TowerWeights
from sightline_encoder.window import Window


class Merger:
    """Turns cells of merge_size x merge_size patches into the language model's tokens."""

    def __init__(self, module: TowerWeights, hidden_act: str, layers: TowerLayers) -> None:
        downsample, merger = module.downsample, module.merger
        # A cell's patches lie together: the convolution is one product over all of them.
        weight = downsample.weight.permute(0, 2, 3, 1).flatten(1).contiguous()
        self._cell_size = weight.shape[1]
        self._downsample = layers.project(weight, downsample.bias)
        self._project = layers.project(merger.proj.weight, merger.proj.bias)
        self._norm = merger.post_projection_norm
        self._mlp = GatedMlp.of(merger, activation_of(hidden_act), layers.project)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        projected = self._project(self._downsample(hidden.view(-1, self._cell_size)))
        norm = self._norm
        normal = layer_norm(projected, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
        return self._mlp(gelu(normal))


class LeanTower:
    """Computes what transformers' module computes, with less around the products.

    Built from loaded weights, which it shares where it does not fuse them.
    """

    takes_tiles = takes_stills = True

    def __init__(self, module: TowerWeights, config: Any, layers: TowerLayers) -> None:
        self._layers = layers
        embed = module.patch_embed.proj
        self._embed = PatchEmbedding(embed.weight, embed.bias, layers)
        self._after_embed = RmsNorm.of(module.post_conv_layernorm)
        self._positions = PositionTables(
            module.embeddings.position_embedding.weight,
            axial_frequencies(config).to(embed.weight.device),
            config.spatial_merge_size,
        )
        self._norm = RmsNorm.of(module.post_layernorm)
        self._merger = Merger(module, config.hidden_act, layers)

    def use_threads(self, count: int) -> None:
        """Lets the calling thread compute with so many threads from now on."""
        self._layers.use_threads(count)

    def layers(
        self, patches: torch.Tensor, windows: Sequence[Window]
    ) -> Generator[None, None, torch.Tensor]:
        """Computes the features [num_tokens, hidden_size] of windows that are packed in order.

        Yields after each layer; in inference mode, which the caller has to enter.
        """
        hidden = self._after_embed(self._embed(patches))
        hidden += torch.cat([self._positions.embeddings(window) for window in windows])
        lengths = [window.num_patches for window in windows]
        for layer in self._layers.of_pass(self._rotations(windows, patches), lengths):
            hidden = layer(hidden)
            yield
        return self._merger(self._norm(hidden))

    def _rotations(self, windows: Sequence[Window], like: torch.Tensor) -> torch.Tensor:
        rotations = torch.cat([self._positions.rotations(window) for window in windows])
        is_double = like.dtype is torch.float64
        complex_type = torch.complex128 if is_double else torch.complex64
        return rotations.to(like.device, complex_type)[:, None]


def lean_refusal(config: Any) -> str | None:
    """Returns why a configuration cannot be computed leanly; None if it can."""
    if config.rope_parameters["rope_type"] != "axial":
        return "its positions are not rotated by rows and columns"
    if (config.hidden_size // config.num_heads) % 4:
        return "its head size is no multiple of 4"
    if not knows_activation(config.hidden_act):
        return f"its activation {config.hidden_act!r} is unknown"
    return None
