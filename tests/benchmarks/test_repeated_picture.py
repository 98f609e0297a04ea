from __future__ import annotations

import json
from pathlib import Path

import pytest
from sightline_common.checkpoint import Checkpoint

from benchmarks.repeated_picture import has_text, with_pixel_bound

NANO = Path(__file__).parents[2] / "models" / "sightline-nano"


@pytest.fixture
def twin(tmp_path):
    return Checkpoint(with_pixel_bound(NANO, tmp_path / "twin", 1344))


def test_twin_lets_pictures_of_the_size_through_wherever_its_bound_is_stated(twin):
    assert twin.image_processor["size"]["longest_edge"] == 2 * 1344**2
    (twin.folder / "processor_config.json").unlink()
    assert twin.image_processor["size"]["longest_edge"] == 2 * 1344**2


def test_bound_that_is_wide_enough_stays(tmp_path):
    twin = Checkpoint(with_pixel_bound(NANO, tmp_path / "twin", 28))
    assert twin.image_processor == Checkpoint(NANO).image_processor


def test_twin_says_the_same_otherwise_and_copies_no_weights(twin):
    assert {path.name for path in twin.folder.iterdir()} == {path.name for path in NANO.iterdir()}
    assert (twin.folder / "model.safetensors").is_symlink()
    assert (twin.folder / "model.safetensors").samefile(NANO / "model.safetensors")
    assert twin.video_processor == Checkpoint(NANO).video_processor


@pytest.mark.parametrize(
    ("delta", "expected"),
    [({"content": "a"}, True), ({"reasoning_content": "a"}, True), ({"role": "assistant"}, False)],
)
def test_first_token_is_the_first_text(delta, expected):
    event = json.dumps({"choices": [{"delta": delta}]})
    assert has_text(f"data: {event}\n".encode()) is expected


def test_end_of_the_stream_is_no_text():
    assert not has_text(b"data: [DONE]\n")
