import pytest
import torch
from sightline_generator.families.glm4v_rotary import rotary_of
from sightline_generator.families.rotary import rotate
from transformers import Glm4vTextConfig
from transformers.models.glm4v.modeling_glm4v import (
    Glm4vTextRotaryEmbedding,
    apply_rotary_pos_emb,
)

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 4e-2}


def config_of(**rope):
    parameters = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    return Glm4vTextConfig(
        hidden_size=64,
        num_attention_heads=2,
        num_key_value_heads=1,
        rope_parameters={**parameters, "partial_rotary_factor": 0.5, **rope},
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "rope",
    [
        {},
        {"mrope_section": [1, 1, 2, 1, 2, 1]},
        {"partial_rotary_factor": 1.0, "mrope_section": [4, 6, 6]},
        {"rope_theta": 500000.0},
        {"rope_type": "linear", "factor": 4.0},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512},
    ],
    ids=["partial", "repeated sections", "whole", "slower", "linear", "yarn"],
)
def test_rotation_equals_transformers(dtype, rope):
    theirs = Glm4vTextRotaryEmbedding(config_of(**rope))
    draw = torch.Generator().manual_seed(0)
    positions = torch.randint(0, 8000, (3, 9), generator=draw)
    heads = torch.randn(9, 4, 32, generator=draw).to(dtype)
    cos, sin = theirs(heads, positions[:, None])
    expected, _key = apply_rotary_pos_emb(heads[None], heads[None], cos, sin, unsqueeze_dim=2)
    ours = rotary_of(config_of(**rope), heads)
    untouched = heads[:, 3].clone()
    rotate(heads[:, :3], ours.table(positions))
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(heads[:, :3], expected[0, :, :3], atol=tolerance, rtol=tolerance)
    assert torch.equal(heads[:, 3], untouched)
