"""Videos through the service: the same stream, cache, keys and single flight as pictures."""

import asyncio
import json
import shutil

import pytest
import torch
from sightline.type.v1 import media_pb2
from sightline_common.checkpoint import Checkpoint, CheckpointError
from sightline_encoder.feature_record import pack_head, unpack_entry, unpack_head
from sightline_encoder.processor_settings import ProcessorSettings
from sightline_encoder.video_options import VideoLimits
from sightline_encoder.video_preprocess import VideoPreprocessor, load_video_preprocessor

from tests.encoder import tiny
from tests.encoder.videos import video

VIDEO = media_pb2.MEDIA_KIND_VIDEO
SIZE = {"shortest_edge": 112 * 112, "longest_edge": 12 * 112 * 112}
SETTINGS = {"video_processor_type": "Glm46VVideoProcessor", "size": SIZE}


@pytest.fixture(scope="module")
def video_folder(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("video") / "checkpoint"
    shutil.copytree(tiny_folder, folder)
    (folder / "video_preprocessor_config.json").write_text(json.dumps(SETTINGS))
    return folder


@pytest.fixture(scope="module")
def video_model(video_folder):
    return tiny.load_tiny(Checkpoint(video_folder))


@pytest.fixture
async def served(video_model):
    async with tiny.running_encoder(video_model) as running:
        yield running
        assert running.encoder.cache.num_pinned == 0
        running.encoder.cache.check_integrity()
        assert running.uploads.num_bytes == 0


def options(**fields):
    return media_pb2.MediaOptions(**fields)


async def test_features_are_those_of_transformers(served, video_model, tmp_path):
    received = await tiny.ask(served.stub, video(), kind=VIDEO)
    ours = video_model.preprocessor.video
    prepared = ours.prepare(video(), ours.budget())
    model = tiny.build_checkpoint(tmp_path)
    with torch.inference_mode():
        grid = torch.tensor([prepared.grid])
        expected = model.model.get_video_features(prepared.patches, grid).pooler_output[0]
    features = torch.frombuffer(bytearray(received.payload), dtype=torch.float32)
    torch.testing.assert_close(features.view(expected.shape), expected, atol=1e-5, rtol=0)
    header = received.header
    grid = (header.grid.time_count, header.grid.height_count, header.grid.width_count)
    assert grid == prepared.grid
    assert grid[0] == 6
    assert header.token_count == len(expected)
    assert tuple(header.frame_timestamps) == prepared.timestamps
    assert (header.width, header.height) == (96, 64)


async def test_a_known_video_is_answered_without_bytes_or_tower(served):
    first = await tiny.ask(served.stub, video(), kind=VIDEO)
    again = await tiny.ask(served.stub, video(), kind=VIDEO)
    assert first.bytes_wanted and not again.bytes_wanted
    assert again.payload == first.payload
    assert list(again.header.frame_timestamps) == list(first.header.frame_timestamps)
    assert again.header.source == media_pb2.FEATURE_SOURCE_MEMORY
    assert await tiny.forward_count(served) == 1


@pytest.mark.parametrize(
    "asked",
    [
        options(frame_rate=2.0),
        options(max_frame_count=4),
        options(max_pixel_count=6 * 28 * 28),
    ],
)
async def test_other_frames_or_sizes_are_other_features(served, asked):
    usual = await tiny.ask(served.stub, video(), kind=VIDEO)
    other = await tiny.ask(served.stub, video(), kind=VIDEO, options=asked)
    assert other.header.feature_key != usual.header.feature_key
    assert other.payload != usual.payload


async def test_other_tenants_never_share_a_video(served):
    await tiny.ask(served.stub, video(), kind=VIDEO, salt="a")
    assert (await tiny.ask(served.stub, video(), kind=VIDEO, salt="b")).bytes_wanted


async def test_askers_of_one_new_video_share_one_pass(served):
    answers = await asyncio.gather(*(tiny.ask(served.stub, video(), kind=VIDEO) for _ in range(12)))
    assert len({answer.payload for answer in answers}) == 1
    assert await tiny.forward_count(served) == 1


async def test_a_video_is_no_picture_and_a_picture_no_video(served):
    _status, error = await tiny.refusal(tiny.ask(served.stub, video()))
    assert error.reason == "MEDIA_FORMAT_UNSUPPORTED"
    picture = tiny.encoded(tiny.noise(64, 64))
    _status, error = await tiny.refusal(tiny.ask(served.stub, picture, kind=VIDEO))
    assert error.reason == "MEDIA_FORMAT_UNSUPPORTED"
    assert await tiny.forward_count(served) == 0


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (options(frame_rate=0.0), "frame_rate"),
        (options(frame_rate=float("nan")), "frame_rate"),
        (options(frame_rate=121.0), "frame_rate"),
        (options(max_frame_count=1), "max_frame_count"),
        (options(max_frame_count=641), "max_frame_count"),
        (options(max_pixel_count=1), "max_pixel_count"),
    ],
)
async def test_impossible_wishes_are_refused_by_name(served, asked, field):
    _status, error = await tiny.refusal(tiny.ask(served.stub, video(), kind=VIDEO, options=asked))
    assert error.reason == "REQUEST_FIELD_INVALID"
    assert error.field == f"header.options.{field}"


def test_timestamps_survive_outside_memory(video_model):
    from sightline_encoder.batcher import EncodedImage
    from sightline_encoder.encoder import _feature_entry

    ours = video_model.preprocessor.video
    prepared = ours.prepare(video(), ours.budget())
    (features,) = video_model.tower.encode([prepared])
    entry = _feature_entry("key", prepared, EncodedImage(features, 0.1))
    record = unpack_head(pack_head(entry, "fingerprint"), "key", "fingerprint")
    assert unpack_entry(record, list(entry.payload.chunks())).timestamps == prepared.timestamps


async def test_what_is_served_says_so(video_model):
    info = tiny.model_info(video_model, "fingerprint")
    assert VIDEO in info.media_kinds
    assert "video/mp4" in info.mime_types


def test_a_checkpoint_without_a_video_processor_takes_no_videos(tiny_folder):
    assert load_video_preprocessor(Checkpoint(tiny_folder), VideoLimits(), 1) is None


@pytest.mark.parametrize(
    "settings", [{"video_processor_type": "Other"}, {"resample": 2}, {"do_normalize": False}]
)
def test_a_processor_that_cannot_be_equalled_is_refused_at_start(settings):
    with pytest.raises(CheckpointError, match=r"file\.json"):
        VideoPreprocessor(ProcessorSettings(settings, "file.json"), "glm46v", VideoLimits(), 1)


DAMAGED = {
    "fps": ["two", -1, True, float("nan"), float("inf"), 10**400, [2]],
    "max_duration": ["long", -3],
    "patch_size": [1.5, "14", -14, {"side": 14}, 15],
    "merge_size": [-2, 3],
    "temporal_patch_size": [[2], 3],
    "rescale_factor": ["1/255"],
    "image_mean": [[0.5], 0.5, ["a", "b", "c"], {"r": 1}],
    "image_std": [[0.5, 0.5, None]],
    "size": [[1, 2], "large", {"shortest_edge": "small"}, {"shortest_edge": 9, "longest_edge": 8}],
    "video_processor_type": [["Glm46VVideoProcessor"], 7],
    "resample": [[3]],
    "do_resize": ["no"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in DAMAGED.items() for value in values]
)
@pytest.mark.parametrize("nested", [False, True], ids=["own file", "in processor_config.json"])
def test_damaged_settings_are_refused_at_start_by_file_and_name(
    tiny_folder, tmp_path, name, value, nested
):
    settings = json.dumps({**SETTINGS, name: value})
    file = "processor_config.json" if nested else "video_preprocessor_config.json"
    shutil.copy(tiny_folder / "config.json", tmp_path)
    (tmp_path / file).write_text(f'{{"video_processor": {settings}}}' if nested else settings)

    with pytest.raises(CheckpointError) as caught:
        load_video_preprocessor(Checkpoint(tmp_path), VideoLimits(), 1)

    assert str(tmp_path / file) in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("video_preprocessor_config.json", b"{"),
        ("video_preprocessor_config.json", b"[]"),
        ("video_preprocessor_config.json", bytes(range(128, 160))),
        ("video_preprocessor_config.json", b"[" * 100_000),
        ("processor_config.json", b'{"video_processor": [1]}'),
        ("processor_config.json", b'"text"'),
    ],
    ids=["cut off", "list", "no UTF-8", "deep", "nested list", "string"],
)
def test_damaged_files_are_refused_at_start_by_name(tmp_path, file, content):
    (tmp_path / file).write_bytes(content)

    with pytest.raises(CheckpointError) as caught:
        load_video_preprocessor(Checkpoint(tmp_path), VideoLimits(), 1)

    assert str(tmp_path / file) in str(caught.value)
