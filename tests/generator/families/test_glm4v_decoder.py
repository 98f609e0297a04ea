"""transformers' own decoder is the oracle."""

import pytest
import torch
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_generator.families.glm4v import Glm4vFamily
from sightline_generator.families.glm4v_decoder import Glm4vDecoder, TensorSource
from sightline_generator.families.projection import DenseProjection, make_projection
from sightline_generator.families.registry import family_of
from torch.nn.functional import scaled_dot_product_attention
from transformers import Glm4vTextModel

from tests.generator import tiny

CPU = torch.device("cpu")
TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-4}


def attend_causally(_layer, query, key, value, scale):
    """Attends one sequence without any cache."""
    query, key, value = (heads.transpose(0, 1)[None] for heads in (query, key, value))
    attended = scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=scale, enable_gqa=True
    )
    return attended[0].transpose(0, 1)


def tensors_of(folder, dtype):
    checkpoint = Checkpoint(folder)
    return checkpoint.load_tensors(family_of(checkpoint).rename_tensor, dtype)


def oracle(folder, dtype):
    config = family_of(Checkpoint(folder))._text
    model = Glm4vTextModel(config).to(dtype).eval()
    tensors = tensors_of(folder, dtype)
    tensors.pop("lm_head.weight")
    model.load_state_dict(tensors)
    return model


def positions_of(num_tokens):
    """Returns text around a grid, so that the three axes differ."""
    positions = torch.arange(num_tokens).repeat(3, 1)
    positions[1, 4:20] = 4 + torch.arange(16) // 4
    positions[2, 4:20] = 4 + torch.arange(16) % 4
    positions[0, 4:20] = 4
    return positions


@torch.inference_mode()
def assert_equals_oracle(folder, dtype):
    family = family_of(Checkpoint(folder))
    ours, theirs = family.build(tensors_of(folder, dtype), CPU), oracle(folder, dtype)
    positions = positions_of(37)
    ids = torch.arange(37) * 97 % family.shape.vocabulary_size
    embeddings = ours.embed(ids)
    before = embeddings.clone()
    expected = theirs(inputs_embeds=embeddings[None], position_ids=positions[:, None])
    hidden = ours.forward(embeddings, positions, attend_causally)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(
        hidden, expected.last_hidden_state[0], atol=tolerance, rtol=tolerance
    )
    assert torch.equal(embeddings, before)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_nano_hidden_states_equal_transformers(dtype):
    assert_equals_oracle(tiny.NANO, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("model_type", ["glm4v", "glm46v"])
def test_hidden_states_of_saved_checkpoints_equal_transformers(tmp_path, model_type, dtype):
    folder = tiny.build_checkpoint(tmp_path, model_type, seed=3, num_hidden_layers=3)
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert_equals_oracle(folder, dtype)


@pytest.mark.parametrize("num_kv_heads", [1, 4])
def test_any_number_of_kv_heads_is_fused_rightly(tmp_path, num_kv_heads):
    folder = tiny.build_checkpoint(
        tmp_path, num_attention_heads=4, num_key_value_heads=num_kv_heads
    )
    assert_equals_oracle(folder, torch.float64)


def changed(folder, change):
    """Builds a decoder from changed tensors."""
    checkpoint = Checkpoint(folder)
    family = family_of(checkpoint)
    tensors = checkpoint.load_tensors(family.rename_tensor, torch.float32)
    change(tensors)
    return family.build(tensors, CPU)


def test_misshapen_tensor_is_a_checkpoint_error(tiny_folder):
    name = "layers.0.mlp.down_proj.weight"
    with pytest.raises(CheckpointError, match=r"down_proj\.weight has shape \(2, 2\)"):
        changed(tiny_folder, lambda tensors: tensors.update({name: torch.ones(2, 2)}))


def test_no_weight_is_left_in_memory_twice(tiny_folder):
    tensors = tensors_of(tiny_folder, torch.float32)
    family_of(Checkpoint(tiny_folder)).build(tensors, CPU)
    assert not tensors


def test_unexpected_tensor_is_a_checkpoint_error(tiny_folder):
    with pytest.raises(CheckpointError, match="extra is unexpected"):
        changed(tiny_folder, lambda tensors: tensors.update(extra=torch.ones(1)))


@pytest.mark.parametrize(
    ("rope", "complaint"),
    [
        ({"rope_type": "dynamic", "factor": 2.0}, "'dynamic'"),
        ({"mrope_section": [1, 1, 1]}, "does not add up"),
    ],
)
def test_rotations_that_cannot_be_served_are_refused(tiny_folder, rope, complaint):
    config = Checkpoint(tiny_folder).config
    text = config["text_config"]
    text = {**text, "rope_parameters": {**text["rope_parameters"], **rope}}
    family = Glm4vFamily({**config, "text_config": text})
    with pytest.raises(CheckpointError, match=complaint):
        family.build(tensors_of(tiny_folder, torch.float32), CPU)


def test_every_linear_map_is_replaceable(tiny_folder):
    family = family_of(Checkpoint(tiny_folder))
    tensors = tensors_of(tiny_folder, torch.float32)
    made = []

    def make(weight, bias):
        made.append(tuple(weight.shape))
        return DenseProjection(weight, bias)

    replaced = Glm4vDecoder(family._text, TensorSource(dict(tensors), CPU), make)
    usual = Glm4vDecoder(family._text, TensorSource(dict(tensors), CPU), make_projection)
    assert len(made) == 4 * family.shape.num_layers + 1
    ids = torch.arange(5)
    outputs = [
        model.forward(model.embed(ids), torch.arange(5).expand(3, -1), attend_causally)
        for model in (replaced, usual)
    ]
    torch.testing.assert_close(*outputs, atol=1e-4, rtol=1e-4)
