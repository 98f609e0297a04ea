import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_generator.families.base import MediumGrid, PlaceholderRange
from sightline_generator.families.glm4v import Glm4vFamily
from sightline_generator.families.registry import family_of

runs = st.integers(1, 6)
grids = st.tuples(st.integers(1, 5), st.integers(1, 5))


@settings(max_examples=60, deadline=None)
@given(layout=st.lists(st.tuples(runs, grids), max_size=4), tail=st.integers(1, 5))
def test_positions_and_delta_equal_transformers(tiny_theirs, tiny_ours, layout, tail):
    ranges, sizes, types = [], [], []
    for num_text, (rows, columns) in layout:
        types += [0] * num_text
        grid = MediumGrid(1, 2 * rows, 2 * columns)
        ranges.append(PlaceholderRange(len(types), rows * columns, grid))
        types += [1] * (rows * columns)
        sizes.append([1, 2 * rows, 2 * columns])
    types += [0] * tail
    expected, deltas = tiny_theirs.model.model.get_rope_index(
        torch.zeros(1, len(types), dtype=torch.long),
        torch.tensor([types]),
        torch.tensor(sizes) if sizes else None,
    )
    positions = tiny_ours.family.positions(len(types), ranges)
    assert torch.equal(positions.position_ids, expected[:, 0])
    assert positions.delta == deltas.item()


def test_only_the_language_model_is_loaded(tiny_ours):
    rename = tiny_ours.family.rename_tensor
    assert rename("model.visual.blocks.0.attn.qkv.weight") is None
    assert rename("model.language_model.norm.weight") == "norm.weight"
    assert rename("lm_head.weight") == "lm_head.weight"


def test_token_count_is_the_merged_grid(tiny_ours):
    assert tiny_ours.family.token_count(MediumGrid(1, 24, 24)) == 144


def test_a_missing_tensor_is_a_checkpoint_error(tiny_ours):
    tensors = tiny_ours.checkpoint.load_tensors(tiny_ours.family.rename_tensor, torch.float32)
    del tensors["norm.weight"]
    with pytest.raises(CheckpointError, match=r"norm\.weight"):
        tiny_ours.family.build(tensors, torch.device("cpu"))


def test_a_tied_checkpoint_uses_its_embeddings_as_head(tiny_ours):
    tensors = tiny_ours.checkpoint.load_tensors(tiny_ours.family.rename_tensor, torch.float32)
    del tensors["lm_head.weight"]
    embeddings = tensors["embed_tokens.weight"]
    model = tiny_ours.family.build(tensors, torch.device("cpu"))
    hidden = torch.ones(1, 64)
    torch.testing.assert_close(model.logits(hidden), hidden @ embeddings.T, atol=1e-5, rtol=0)


def test_an_unknown_model_type_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "qwen"}')
    with pytest.raises(CheckpointError, match="glm46v, glm4v"):
        family_of(Checkpoint(tmp_path))


def test_a_config_of_another_form_is_refused():
    with pytest.raises(CheckpointError, match="GLM-4V form"):
        Glm4vFamily({"model_type": "glm4v"})
