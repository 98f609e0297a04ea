"""What is read without transformers says what transformers says."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from sightline_encoder.positions import axial_frequencies
from sightline_encoder.tower_weights import TowerWeights
from sightline_encoder.vision_config import VisionConfig, read_vision_config, transformers_config
from transformers.models.glm4v.modeling_glm4v import Glm4vVisionModel, Glm4vVisionRotaryEmbedding

SMALL = {"depth": 2, "hidden_size": 48, "num_heads": 3, "intermediate_size": 40}
USUAL = [
    {},
    {**SMALL, "out_hidden_size": 32, "patch_size": 4, "image_size": 20, "in_channels": 1},
    {**SMALL, "attention_bias": True, "spatial_merge_size": 3, "temporal_patch_size": 1},
    {"rope_parameters": {"rope_type": "axial", "rope_theta": 500.0}, "model_type": "glm4v_vision"},
    {"hidden_act": "gelu", "rms_norm_eps": 1e-6, "attention_dropout": 0.0, "dtype": "float32"},
]
UNUSUAL = [
    {"head_dim": 32},
    {"rope_theta": 500.0},
    {"rope_parameters": {"rope_theta": 500.0}},
    {"rope_parameters": None},
    {"num_hidden_layers": 3},
    {"patch_size": [14, 14]},
]


@pytest.mark.parametrize("values", USUAL, ids=str)
def test_usual_configuration_states_what_transformers_reads(values):
    ours, theirs = read_vision_config(values), transformers_config(values)

    assert isinstance(ours, VisionConfig)
    for field in fields(VisionConfig):
        assert getattr(ours, field.name) == getattr(theirs, field.name)


@pytest.mark.parametrize("values", UNUSUAL, ids=str)
def test_whatever_is_unusual_is_left_to_transformers(values):
    assert read_vision_config(values).to_dict() == transformers_config(values).to_dict()


@pytest.mark.parametrize("values", [*USUAL, *UNUSUAL[:3]], ids=str)
def test_frequencies_equal_those_of_transformers_to_the_bit(values):
    frequencies = axial_frequencies(read_vision_config(values))

    expected = Glm4vVisionRotaryEmbedding(transformers_config(values)).inv_freq
    assert torch.equal(frequencies, expected)


@pytest.mark.parametrize("values", USUAL, ids=str)
def test_weights_have_the_names_and_shapes_of_transformers(values):
    with torch.device("meta"):
        ours = TowerWeights(read_vision_config(values)).state_dict()
        theirs = Glm4vVisionModel._from_config(transformers_config(values)).state_dict()

    assert {name: tensor.shape for name, tensor in ours.items()} == {
        name: tensor.shape for name, tensor in theirs.items()
    }
