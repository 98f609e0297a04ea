"""What is read without transformers says what transformers says."""

from __future__ import annotations

import json

import pytest
from sightline_common.checkpoint import Checkpoint
from sightline_encoder.image_processor import ImageProcessor, read_image_processor, usual_processor
from transformers import AutoImageProcessor

USUAL = {
    "image_processor_type": "Glm46VImageProcessor",
    "size": {"shortest_edge": 12544, "longest_edge": 9633792},
}
OTHER = {
    "patch_size": 16,
    "temporal_patch_size": 4,
    "merge_size": 3,
    "resample": 2,
    "rescale_factor": 0.5,
    "image_mean": [0.1, 0.2, 0.3],
    "image_std": [0.4, 0.5, 0.6],
}
NAMES = ("patch_size", "temporal_patch_size", "merge_size", "rescale_factor")


def written(folder, settings, nested=False):
    (folder / "config.json").write_text('{"model_type": "glm4v"}')
    if nested:
        text = json.dumps({"image_processor": settings})
        (folder / "processor_config.json").write_text(text)
    (folder / "preprocessor_config.json").write_text(json.dumps(USUAL if nested else settings))
    return Checkpoint(folder)


def facts(processor):
    size = (processor.size.shortest_edge, processor.size.longest_edge)
    means = (tuple(processor.image_mean), tuple(processor.image_std))
    return size, means, int(processor.resample), [getattr(processor, name) for name in NAMES]


@pytest.mark.parametrize("nested", [False, True], ids=["own file", "nested"])
@pytest.mark.parametrize(
    "settings",
    [
        USUAL,
        {**USUAL, "image_processor_type": "Glm4vImageProcessor"},
        {**USUAL, "image_processor_type": "Glm46VImageProcessorFast", "crop_size": None},
        {**USUAL, "do_resize": True, "do_convert_rgb": True},
        *({**USUAL, name: value} for name, value in OTHER.items()),
    ],
    ids=str,
)
def test_usual_processor_states_what_transformers_reads(tmp_path, settings, nested):
    checkpoint = written(tmp_path, settings, nested)
    theirs = AutoImageProcessor.from_pretrained(tmp_path, backend="pil", local_files_only=True)

    ours = read_image_processor(checkpoint)

    assert isinstance(ours, ImageProcessor)
    assert facts(ours) == facts(theirs)


@pytest.mark.parametrize(
    "change",
    [
        {"image_processor_type": "CLIPImageProcessor"},
        {"image_processor_type": None},
        {"auto_map": {"AutoImageProcessor": "hostile.Hostile"}},
        {"do_resize": False},
        {"do_normalize": 0},
        {"size": {"height": 3, "width": 3}},
        {"size": None},
        {"size": {"shortest_edge": 0, "longest_edge": 1}},
        {"patch_size": "14"},
        {"patch_size": True},
        {"merge_size": None},
        {"image_mean": 0.5},
        {"image_mean": [0.5, 0.5]},
        {"rescale_factor": 1},
    ],
    ids=str,
)
def test_whatever_is_unusual_is_left_to_transformers(change):
    assert usual_processor({**USUAL, **change}) is None
