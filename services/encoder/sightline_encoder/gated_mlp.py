"""The MLP of layers and merger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import silu

from sightline_encoder.tower_layers import Projection, gate_over_up

Activation = Callable[[torch.Tensor], torch.Tensor]

_ROWS_AT_ONCE = 1024
"""On CPUs an MLP takes this many rows at a time: what lies between stays in the caches."""


@dataclass(frozen=True)
class GatedMlp:
    """Multiplies one half of a projection by the activated other half."""

    gate_up: Projection
    down: Projection
    activation: Activation

    @classmethod
    def of(
        cls, module: Any, activation: Activation, project: Callable[[torch.Tensor], Projection]
    ) -> GatedMlp:
        """Takes a checkpoint's three projections."""
        return cls(project(gate_over_up(module)), project(module.down_proj.weight), activation)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        if hidden.device.type != "cpu" or len(hidden) <= _ROWS_AT_ONCE:
            return self._at_once(hidden)
        return torch.cat([self._at_once(rows) for rows in torch.split(hidden, _ROWS_AT_ONCE)])

    def _at_once(self, hidden: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up(hidden).chunk(2, dim=-1)
        return self.down(self.activation(gate).mul_(up))


def knows_activation(name: str) -> bool:
    """Tells whether there is such an activation."""
    return name == "silu" or name in _activations()


def activation_of(name: str) -> Activation:
    """Returns the activation of a configuration."""
    return silu if name == "silu" else _activations()[name]


def _activations() -> Mapping[str, Activation]:
    # Only for what is not usual: transformers' table imports its whole modelling, for seconds.
    from transformers.activations import ACT2FN

    table: Mapping[str, Activation] = ACT2FN
    return table
