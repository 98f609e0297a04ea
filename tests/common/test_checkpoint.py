import json

import pytest
import torch
from safetensors.torch import save_file
from sightline_common.checkpoint import (
    WEIGHTS_INDEX,
    Checkpoint,
    CheckpointError,
    resolve_checkpoint,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "glm4v"}')
    save_file({"a.x": torch.ones(2), "b.y": torch.zeros(3)}, tmp_path / "model.safetensors")
    return tmp_path


def shard(folder):
    (folder / "model.safetensors").unlink()
    save_file({"a.x": torch.ones(2)}, folder / "one.safetensors")
    save_file({"b.y": torch.zeros(3)}, folder / "two.safetensors")
    weight_map = {"a.x": "one.safetensors", "b.y": "two.safetensors"}
    (folder / WEIGHTS_INDEX).write_text(json.dumps({"weight_map": weight_map}))


def only_a(name):
    return name.removeprefix("a.") if name.startswith("a.") else None


def test_only_wanted_tensors_are_loaded_and_renamed(folder):
    tensors = resolve_checkpoint(str(folder)).load_tensors(only_a, torch.float64)
    assert list(tensors) == ["x"]
    assert tensors["x"].dtype is torch.float64


def test_shards_are_found_through_the_index(folder):
    shard(folder)
    tensors = Checkpoint(folder).load_tensors(lambda name: name, torch.float32)
    assert sorted(tensors) == ["a.x", "b.y"]


def test_index_may_not_leave_the_folder(folder):
    shard(folder)
    (folder / WEIGHTS_INDEX).write_text('{"weight_map": {"a.x": "../one.safetensors"}}')
    with pytest.raises(CheckpointError, match=r"\.\./one"):
        Checkpoint(folder).load_tensors(only_a, torch.float32)


def test_one_changed_weight_changes_the_fingerprint(folder):
    before = Checkpoint(folder).fingerprint
    save_file(
        {"a.x": torch.tensor([1.0, 2.0]), "b.y": torch.zeros(3)}, folder / "model.safetensors"
    )
    assert Checkpoint(folder).fingerprint != before


def test_readme_does_not_change_the_fingerprint(folder):
    before = Checkpoint(folder).fingerprint
    (folder / "README.md").write_text("words")
    assert Checkpoint(folder).fingerprint == before


def test_folder_without_config_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        resolve_checkpoint(str(tmp_path))


def test_no_wanted_tensor_is_refused(folder):
    with pytest.raises(CheckpointError):
        Checkpoint(folder).load_tensors(lambda _name: None, torch.float32)
