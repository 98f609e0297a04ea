from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.glm4v.configuration_glm4v import Glm4vVisionConfig
from transformers.models.glm4v.modeling_glm4v import Glm4vVisionModel

from benchmarks.encoder.profile import Costs, report_text, tower_flops


def test_operations_are_those_that_torch_counts():
    config = Glm4vVisionConfig(
        depth=2, hidden_size=64, num_heads=2, intermediate_size=128, out_hidden_size=96
    )
    config._attn_implementation = "eager"
    tower = Glm4vVisionModel(config).eval()
    patches = torch.zeros(16 * 24, 3 * 2 * 14 * 14)

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        tower(patches, grid_thw=torch.tensor([[1, 16, 24]]))

    # Biases, norms and rotations are no products.
    assert tower_flops(tower, len(patches)) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_ratios_are_of_the_whole_mixture():
    found = [
        Costs("one", 1, 1.0, 2.0, 0.5, 1.5, 1.0),
        Costs("other", 1, 0.0, 1.0, 0.0, 1.0, 0.5),
    ]

    text = report_text(found, 1e9)

    assert "1.33 times our CPU time" in text  # 4 over 3
    assert "would make that 2.00" in text  # 4 over 2
