"""Muon for the hidden matrices, AdamW for everything else, one learning rate for both."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from training.learning.learner import Learner
from training.learning.muon import Muon

MATRIX_WEIGHT_DECAY = 0.02


def is_hidden_matrix(name: str, parameter: nn.Parameter) -> bool:
    outer = ("embed", "lm_head", "sight_head")
    return parameter.ndim == 2 and not any(part in name for part in outer)


def split(learner: Learner) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The hidden matrices, and all other parameters."""
    named = list(learner.named_parameters())
    matrices = [parameter for name, parameter in named if is_hidden_matrix(name, parameter)]
    others = [parameter for name, parameter in named if not is_hidden_matrix(name, parameter)]
    return matrices, others


def build_optimizers(learner: Learner, muon: bool = True) -> list[Optimizer]:
    matrices, others = split(learner)
    if not muon:
        return [AdamW(matrices + others, lr=0.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True)]
    return [
        Muon(matrices, lr=0.0, weight_decay=MATRIX_WEIGHT_DECAY),
        AdamW(others, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def set_learning_rate(optimizers: Iterable[Optimizer], rate: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def step(learner: Learner, optimizers: Iterable[Optimizer], most_norm: float) -> float:
    """Applies the gradients; returns their norm.

    Without a finite norm nothing is applied: nobody watches a run for one overflow in a night.
    """
    norm = float(torch.nn.utils.clip_grad_norm_(learner.parameters(), most_norm))
    for optimizer in optimizers:
        if math.isfinite(norm):
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return norm
