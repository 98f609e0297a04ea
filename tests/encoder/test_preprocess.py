from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_common.errors import FieldInvalidError, MediaAspectRatioError
from sightline_encoder.image import MediaLimits
from sightline_encoder.patches import as_frames
from sightline_encoder.preprocess import PixelBudget, load_preprocessor
from transformers import Glm46VImageProcessorPil

from tests.encoder import tiny
from tests.encoder.tiny import encoded, noise

SIZES = [
    (1, 1),
    (28, 28),
    (1, 200),
    (200, 1),
    (3, 40),
    (335, 337),
    (640, 480),
    (700, 30),
    (90, 800),
]


def reference(folder, image, **size):
    """The checkpoint's own processor, used as transformers documents it."""
    processor = Glm46VImageProcessorPil.from_pretrained(folder)
    return processor(images=image, return_tensors="pt", **size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_patches_and_grid_equal_the_checkpoints_processor(tiny_model, tiny_folder, size):
    picture = noise(*size)
    preprocessor = tiny_model.preprocessor

    cut = preprocessor.prepare(encoded(picture), preprocessor.pixel_budget())

    expected = reference(tiny_folder, picture)
    assert torch.equal(as_frames(cut.patches, 3, 2), expected["pixel_values"])
    assert list(cut.grid) == expected["image_grid_thw"][0].tolist()
    assert (cut.width, cut.height) == size
    assert cut.num_patches == len(cut.patches)


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(1, 260),
    height=st.integers(1, 260),
    minimum=st.integers(1, 10_000),
    extra=st.integers(784, 300_000),
)
def test_patches_equal_the_processor_at_any_size_and_budget(
    tiny_model, tiny_folder, width, height, minimum, extra
):
    picture, maximum = noise(width, height), minimum + extra
    preprocessor = tiny_model.preprocessor
    if max(width, height) > 200 * min(width, height):
        return

    cut = preprocessor.prepare(encoded(picture), preprocessor.pixel_budget(minimum, maximum))

    size = {"shortest_edge": 2 * minimum, "longest_edge": 2 * maximum}
    expected = reference(tiny_folder, picture, size=size)
    assert torch.equal(as_frames(cut.patches, 3, 2), expected["pixel_values"])
    assert list(cut.grid) == expected["image_grid_thw"][0].tolist()


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 1), (1, 3), (3, 3), (3, 40), (40, 3), (1, 40), (40, 1)]
)
def test_channels_are_last_however_thin_the_picture(tiny_model, size):
    preprocessor = tiny_model.preprocessor
    picture = Image.new("RGB", size, (255, 0, 0))

    cut = preprocessor.prepare(encoded(picture), preprocessor.pixel_budget())

    red, green, blue = cut.patches.view(cut.num_patches, 3, -1).unbind(1)
    assert len(red.unique()) == len(green.unique()) == len(blue.unique()) == 1
    assert red[0, 0] > 1.9 and green[0, 0] < -1.7 and blue[0, 0] < -1.4


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_only_rgb_reaches_the_processor(tiny_model, mode):
    picture = noise(60, 60).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    preprocessor = tiny_model.preprocessor

    cut = preprocessor.prepare(encoded(picture, kind), preprocessor.pixel_budget())

    assert cut.patches.shape == (cut.num_patches, 3 * 14 * 14)


def test_budget_bounds_the_pixels_of_the_resized_picture(tiny_model):
    preprocessor = tiny_model.preprocessor
    data = encoded(noise(600, 600))

    at_most = preprocessor.prepare(data, preprocessor.pixel_budget(max_pixel_count=120 * 120))
    at_least = preprocessor.prepare(
        encoded(noise(30, 30)), preprocessor.pixel_budget(min_pixel_count=112 * 112)
    )

    assert at_most.grid == (1, 8, 8)
    assert at_least.grid == (1, 8, 8)


def test_unset_bounds_are_the_checkpoints_own(tiny_model):
    budget = tiny_model.preprocessor.pixel_budget()

    assert budget == PixelBudget(**tiny.SIZE)
    assert tiny_model.preprocessor.pixel_budget(56 * 56, 336 * 336) == budget


def test_own_lower_bound_yields_to_a_requests_upper_bound(tiny_model):
    assert tiny_model.preprocessor.pixel_budget(None, 784) == PixelBudget(1568, 1568)


def test_upper_bound_holds_exactly(tiny_model):
    preprocessor = tiny_model.preprocessor

    assert preprocessor.pixel_budget(None, 1024 * 1024).longest_edge == 2 * 1024 * 1024
    with pytest.raises(FieldInvalidError) as caught:
        preprocessor.pixel_budget(None, 1024 * 1024 + 1)
    assert caught.value.metadata == {"minimum": "784", "maximum": str(1024 * 1024)}


@pytest.mark.parametrize(
    "bounds", [(0, None), (-1, None), (2000, 1000), (10**9, None), (None, 783)]
)
def test_impossible_bounds_are_refused(tiny_model, bounds):
    with pytest.raises(FieldInvalidError):
        tiny_model.preprocessor.pixel_budget(*bounds)


def test_checkpoints_own_bound_is_allowed_above_the_servers(tiny_folder):
    preprocessor = load_preprocessor(Checkpoint(tiny_folder), MediaLimits(), 784)

    assert preprocessor.pixel_budget(None, 336 * 336).longest_edge == tiny.SIZE["longest_edge"]


def test_ratio_that_only_the_processor_refuses_is_an_aspect_ratio_error(tiny_folder):
    limits = MediaLimits(max_aspect_ratio=1000)
    preprocessor = load_preprocessor(Checkpoint(tiny_folder), limits, 784)

    with pytest.raises(MediaAspectRatioError):
        preprocessor.prepare(encoded(Image.new("L", (300, 1))), preprocessor.pixel_budget())


def test_twins_with_swapped_sides_get_different_patches(tiny_model):
    samples = np.random.default_rng(0).integers(0, 256, 56 * 112, dtype=np.uint8)
    preprocessor = tiny_model.preprocessor
    wide, tall = (
        preprocessor.prepare(
            encoded(Image.fromarray(samples.reshape(shape))), preprocessor.pixel_budget()
        )
        for shape in ((56, 112), (112, 56))
    )

    assert (wide.grid, tall.grid) == ((1, 4, 8), (1, 8, 4))
    assert not torch.equal(wide.patches, tall.patches)


def test_code_that_a_checkpoint_brings_is_not_run(tiny_folder, tmp_path):
    config = json.loads((tiny_folder / "preprocessor_config.json").read_text())
    config["image_processor_type"] = "Hostile"
    config["auto_map"] = {"AutoImageProcessor": "hostile.Hostile"}
    (tmp_path / "config.json").write_text((tiny_folder / "config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    (tmp_path / "hostile.py").write_text("raise SystemExit('ran')\n")

    with pytest.raises(CheckpointError):
        load_preprocessor(Checkpoint(tmp_path), MediaLimits(), 784)


def test_folder_without_processor_is_a_checkpoint_error(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "glm4v"}')

    with pytest.raises(CheckpointError):
        load_preprocessor(Checkpoint(tmp_path), MediaLimits(), 784)


@pytest.mark.parametrize(("tiled", "is_offered"), [(0, False), (4096 * 4096, True)])
def test_tiles_are_offered_only_where_there_are_any(tiny_folder, tiled, is_offered):
    preprocessor = load_preprocessor(
        Checkpoint(tiny_folder), MediaLimits(), 1024 * 1024, max_tiled_pixel_budget=tiled
    )
    with pytest.raises(FieldInvalidError) as caught:
        preprocessor.pixel_budget(max_pixel_count=10**9)
    assert ("tiled mode" in caught.value.message) is is_offered
