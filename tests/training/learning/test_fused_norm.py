from __future__ import annotations

import torch
from torch import nn
from transformers.models.glm4v.modeling_glm4v import Glm4vRMSNorm

from training.learning.fused_norm import FusedNorm, fuse_norms


def test_a_fused_norm_is_the_same_norm() -> None:
    norm = Glm4vRMSNorm(24, eps=1e-3)
    nn.init.normal_(norm.weight, mean=1.0)
    hidden = torch.randn(5, 24) * torch.tensor([0.01, 0.1, 1.0, 10.0, 100.0])[:, None]
    assert torch.allclose(FusedNorm(norm)(hidden), norm(hidden), rtol=1e-5, atol=1e-6)


def test_parameters_keep_their_names_and_stay_the_same() -> None:
    inner = nn.ModuleDict({"norm": Glm4vRMSNorm(4)})
    model = nn.ModuleDict({"inner": inner, "other": nn.Linear(2, 2)})
    before = dict(model.named_parameters())
    fuse_norms(model)
    assert isinstance(inner["norm"], FusedNorm)
    assert dict(model.named_parameters()) == before
