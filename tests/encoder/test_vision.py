from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.errors import ParameterUnsupportedError
from sightline_encoder.families import family_of
from sightline_encoder.image import MediaLimits
from sightline_encoder.patches import as_frames
from sightline_encoder.preprocess import PreparedImage, load_preprocessor
from sightline_encoder.units import split
from sightline_encoder.vision import Placement, choose_placement, load_vision_tower
from transformers import Glm4vForConditionalGeneration

from tests.encoder import tiny
from tests.encoder.tiny import CPU_FLOAT32, encoded, noise, prepared, tiny_config

NANO = Path(__file__).parents[2] / "models" / "sightline-nano"
SHAPES = [(4, 6), (2, 2), (12, 8)]


def reference_features(folder, images):
    model = Glm4vForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    patches = torch.cat([frames_of(image) for image in images])
    grid = torch.tensor([image.grid for image in images])
    with torch.inference_mode():
        return model.get_image_features(patches, grid).pooler_output


def frames_of(image):
    """Returns a picture's patches as transformers takes them, with all of their frames."""
    values = image.patches.shape[1]
    return as_frames(image.patches, 3, 2) if values == 3 * 14 * 14 else image.patches


def pictures():
    return [prepared(*shape, seed) for seed, shape in enumerate(SHAPES)]


def assert_same_features(folder, images):
    tower = load_vision_tower(Checkpoint(folder), CPU_FLOAT32)

    found = tower.encode(images)

    for one, other in zip(found, reference_features(folder, images), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_loading_does_not_wait_for_torchs_compiler():
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sightline_common.checkpoint import Checkpoint\n"
        "from sightline_encoder.vision import choose_placement, load_vision_tower\n"
        f"load_vision_tower(Checkpoint(Path({str(NANO)!r})), choose_placement('cpu', 'float32'))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_features_equal_the_whole_models_in_transformers(tiny_folder):
    assert_same_features(tiny_folder, pictures())


def test_features_of_the_embedded_model_equal_transformers():
    preprocessor = load_preprocessor(Checkpoint(NANO), MediaLimits(), 784)
    files = [encoded(noise(*size)) for size in ((300, 200), (90, 400))]

    assert_same_features(
        NANO, [preprocessor.prepare(f, preprocessor.pixel_budget()) for f in files]
    )


def test_packed_pictures_get_what_they_get_alone(tiny_model):
    images = pictures()

    together = tiny_model.tower.encode(images)

    for image, features in zip(images, together, strict=True):
        (alone,) = tiny_model.tower.encode([image])
        torch.testing.assert_close(features, alone, atol=1e-5, rtol=0)
        assert features.shape == (image.num_patches // 4, 64)


def test_features_of_one_picture_do_not_hold_the_batchs_memory(tiny_model):
    first, _, _ = tiny_model.tower.encode(pictures())

    assert first.untyped_storage().nbytes() == first.nbytes


def test_sharded_checkpoint_gives_the_same_features(tiny_folder, tiny_model, tmp_path):
    tiny.build_checkpoint(tmp_path, max_shard_size="200KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2

    tower = load_vision_tower(Checkpoint(tmp_path), CPU_FLOAT32)

    image = prepared(4, 6)
    assert torch.equal(tower.encode([image])[0], tiny_model.tower.encode([image])[0])


def rewritten(source, target, change_tensors=None, change_config=None):
    """Copies a checkpoint with other tensors or another configuration."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    tensors = load_file(target / "model.safetensors")
    config = json.loads((target / "config.json").read_text())
    save_file((change_tensors or dict)(tensors), target / "model.safetensors")
    if change_config:
        change_config(config)
    (target / "config.json").write_text(json.dumps(config))
    return Checkpoint(target)


def test_older_names_are_understood(tiny_folder, tiny_model, tmp_path):
    def old_names(tensors):
        return {name.replace("model.visual.", "visual."): t for name, t in tensors.items()}

    tower = load_vision_tower(rewritten(tiny_folder, tmp_path, old_names), CPU_FLOAT32)

    image = prepared(4, 6)
    assert torch.equal(tower.encode([image])[0], tiny_model.tower.encode([image])[0])


def test_glm46v_has_the_same_tower(tiny_folder, tiny_model, tmp_path):
    def as_glm46v(config):
        config["model_type"] = "glm46v"

    checkpoint = rewritten(tiny_folder, tmp_path, change_config=as_glm46v)

    image = prepared(4, 6)
    found = load_vision_tower(checkpoint, CPU_FLOAT32).encode([image])[0]
    assert torch.equal(found, tiny_model.tower.encode([image])[0])


def test_only_the_tower_is_read(tiny_folder, tmp_path):
    def without_language_model(tensors):
        return {name: tensor for name, tensor in tensors.items() if ".visual." in name}

    load_vision_tower(rewritten(tiny_folder, tmp_path, without_language_model), CPU_FLOAT32)


def drop_a_tensor(tensors):
    return {name: t for name, t in tensors.items() if "merger.proj" not in name}


def reshape_a_tensor(tensors):
    name = "model.visual.merger.proj.weight"
    return {**tensors, name: torch.zeros(3, 3)}


def add_a_tensor(tensors):
    return {**tensors, "model.visual.surplus": torch.zeros(1)}


def drop_the_tower(tensors):
    return {name: tensor for name, tensor in tensors.items() if ".visual." not in name}


@pytest.mark.parametrize("change", [drop_a_tensor, reshape_a_tensor, add_a_tensor, drop_the_tower])
def test_tensors_that_do_not_fit_are_a_checkpoint_error(tiny_folder, tmp_path, change):
    checkpoint = rewritten(tiny_folder, tmp_path, change)

    with pytest.raises(CheckpointError):
        load_vision_tower(checkpoint, CPU_FLOAT32)


@pytest.mark.parametrize("config", [{"model_type": "llama"}, {"model_type": "glm4v"}, {}])
def test_other_architectures_are_a_checkpoint_error(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))

    with pytest.raises(CheckpointError, match="glm4v"):
        family_of(Checkpoint(tmp_path))


def test_tower_runs_in_the_wanted_element_type(tiny_folder):
    placement = Placement(torch.device("cpu"), torch.bfloat16)

    (features,) = load_vision_tower(Checkpoint(tiny_folder), placement).encode([prepared(4, 6)])

    assert features.dtype == torch.bfloat16
    assert torch.isfinite(features).all()


def test_auto_is_float32_on_the_cpu():
    assert choose_placement("cpu", "auto") == CPU_FLOAT32
    assert choose_placement("cpu", "bfloat16").dtype == torch.bfloat16


def test_missing_device_is_named():
    with pytest.raises(CheckpointError, match="SIGHTLINE_ENCODER_DEVICE=nonsense"):
        choose_placement("nonsense", "auto")


@pytest.mark.parametrize("grid", [(24, 24), (2, 2), (12, 40), (96, 30)])
def test_features_equal_transformers_in_float64(tiny_folder, grid):
    placement = Placement(torch.device("cpu"), torch.float64)
    tower = load_vision_tower(Checkpoint(tiny_folder), placement)
    picture = prepared(*grid)
    model = Glm4vForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float64)

    with torch.inference_mode():
        (expected,) = (
            model.eval()
            .get_image_features(picture.patches.double(), torch.tensor([picture.grid]))
            .pooler_output
        )

    torch.testing.assert_close(tower.encode([picture])[0], expected, atol=1e-5, rtol=1e-5)


def test_configuration_that_is_not_known_is_left_to_transformers(tiny_folder, monkeypatch):
    expected = load_vision_tower(Checkpoint(tiny_folder), CPU_FLOAT32).encode(pictures())
    monkeypatch.setattr("sightline_encoder.vision.lean_refusal", lambda module: "it is odd")
    tower = load_vision_tower(Checkpoint(tiny_folder), CPU_FLOAT32)

    assert tower.attention == "transformers"
    assert_close(tower.encode(pictures()), expected)
    assert_close(tower.encode(stills()), tower.encode([whole(still) for still in stills()]))
    with pytest.raises(ParameterUnsupportedError, match="tiling"):
        tower.encode([prepared(40, 40)], tiled=True)


def stills():
    """The shapes of `pictures`, as one frame each."""
    return [prepared(*shape, seed, values=3 * 14 * 14) for seed, shape in enumerate(SHAPES)]


def whole(image):
    return dataclasses.replace(image, patches=frames_of(image))


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_one_frame_of_equal_ones_gives_the_features_of_all(tiny_model):
    tower = tiny_model.tower
    assert_close(tower.encode(stills()), tower.encode([whole(still) for still in stills()]))


def test_one_frame_beside_whole_groups_gives_what_it_gives_alone(tiny_model):
    mixed = [stills()[0], *pictures(), stills()[1]]
    alone = [feature for image in mixed for feature in tiny_model.tower.encode([image])]
    assert_close(tiny_model.tower.encode(mixed), alone)


def test_one_frame_is_tiled_as_all_are(tiny_model):
    still = prepared(60, 34, values=3 * 14 * 14)
    tiled = [tiny_model.tower.encode([image], tiled=True)[0] for image in (still, whole(still))]
    assert_close(tiled[:1], tiled[1:])


def test_in_16_bits_one_frame_gives_the_very_features_of_all(tiny_folder):
    placement = Placement(torch.device("cpu"), torch.bfloat16)
    tower = load_vision_tower(Checkpoint(tiny_folder), placement)
    found = tower.encode(stills())
    expected = tower.encode([whole(still) for still in stills()])
    assert all(map(torch.equal, found, expected))


def test_frame_groups_get_what_they_get_as_pictures(tiny_model):
    groups = [prepared(4, 6, seed) for seed in range(3)]
    patches = torch.cat([group.patches for group in groups])

    (together,) = tiny_model.tower.encode([PreparedImage(patches, (3, 4, 6), 0, 0)])

    alone = torch.cat(tiny_model.tower.encode(groups))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_picture_of_one_tile_is_the_same_tiled_and_whole(tiny_model):
    picture = prepared(24, 10)

    (tiled,) = tiny_model.tower.encode([picture], tiled=True)

    torch.testing.assert_close(tiled, tiny_model.tower.encode([picture])[0], atol=1e-5, rtol=0)


def test_tiles_give_the_whole_pictures_number_of_features(tiny_model):
    (features,) = tiny_model.tower.encode([prepared(60, 34)], tiled=True)

    assert features.shape == (30 * 17, 64)
    assert torch.isfinite(features).all()


def test_pass_can_be_left_after_each_layer(tiny_model):
    layers = tiny_model.tower.layers(split(prepared(4, 6)))
    for _ in range(tiny_config().vision_config.depth):
        next(layers)

    with pytest.raises(StopIteration) as end:
        next(layers)
    assert torch.equal(end.value.value[0], tiny_model.tower.encode([prepared(4, 6)])[0])


def test_memory_is_reserved_by_a_picture_of_about_the_largest_pass(tiny_folder, monkeypatch):
    tower, sizes = load_vision_tower(Checkpoint(tiny_folder), CPU_FLOAT32), []
    monkeypatch.setattr(tower, "encode", lambda images: sizes.extend(map(len_of, images)))
    for num_patches in (16, 1000, 16384):
        tower.reserve_memory(num_patches)
    assert sizes == [16, 900, 16384]


def test_want_of_memory_for_the_largest_pass_is_told_and_survived(tiny_model, monkeypatch, caplog):
    def encode(images):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tiny_model.tower, "encode", encode)
    tiny_model.tower.reserve_memory(16384)

    [record] = caplog.records
    assert "SIGHTLINE_ENCODER_MAX_PIXEL_BUDGET" in record.getMessage()
    assert (record.levelname, record.fields["patches"]) == ("WARNING", 16384)


def len_of(image):
    return len(image.patches)
