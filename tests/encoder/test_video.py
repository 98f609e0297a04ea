"""A video's patches are those of the reference processor, value for value."""

import os
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from sightline_encoder.decoded import decode_here
from sightline_encoder.processor_settings import ProcessorSettings
from sightline_encoder.resizing import Resizing
from sightline_encoder.video_options import VideoLimits
from sightline_encoder.video_preprocess import VideoPreprocessor
from sightline_encoder.video_stream import Video
from sightline_encoder.worker_pool import WorkerPool

from tests.encoder.video_reference import Reference
from tests.encoder.videos import CODECS, patched, scene, turned, video

SIZE = {"shortest_edge": 112 * 112, "longest_edge": 12 * 112 * 112}


def preprocessor(rule="glm46v", decode=decode_here, **limits):
    settings = ProcessorSettings({"size": SIZE}, "file.json")
    return VideoPreprocessor(settings, rule, VideoLimits(**limits), 10**6, decode)


def prepared(data, rule="glm46v", **wishes):
    ours = preprocessor(rule)
    return ours.prepare(data, ours.budget(**wishes))


KINDS = [
    ("h264", "mp4"), ("hevc", "mp4"), ("mpeg4", "mp4"), ("av1", "mp4"), ("h264", "mov"),
    ("vp8", "webm"), ("vp9", "webm"), ("h264", "matroska"),
]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has scheduling policies")
def test_making_videos_leaves_the_tests_their_priority():
    before = os.sched_getscheduler(0)
    for codec in CODECS:
        video(2, codec=codec, container="mp4" if codec != "vp8" else "webm")
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize("rule", ["glm4v", "glm46v"])
@pytest.mark.parametrize(("codec", "container"), KINDS)
def test_patches_grid_and_timestamps_equal_the_processors(tmp_path, rule, codec, container):
    data = video(codec=codec, container=container)
    ours = prepared(data, rule)
    reference = Reference(rule, SIZE)
    if container in ("mp4", "mov"):
        path = tmp_path / "video"
        path.write_bytes(data)
        frames, metadata = reference.read(path)
    else:
        # That reader cannot count Matroska's frames.
        frames, metadata = reference.read_whole(data)
    patches, grid = reference.cut(frames)
    assert ours.grid == tuple(grid)
    assert grid[0] > 1
    assert torch.equal(ours.patches, patches)
    assert list(ours.timestamps) == metadata.timestamps[::2][: grid[0]]
    assert (ours.width, ours.height) == (96, 64)


@pytest.mark.parametrize("size", [(96, 64), (112, 112), (30, 500), (333, 17), (640, 480)])
@pytest.mark.parametrize("num_frames", [2, 4, 12, 640])
def test_frames_are_resized_as_the_reference_says(size, num_frames):
    width, height = size
    for longest in (10_000, 7_225_344):
        expected = Reference("glm46v", SIZE).smart_resize(
            num_frames=num_frames, height=height, width=width, min_pixels=100, max_pixels=longest
        )
        assert Resizing(28, num_frames, 100, longest, 3).size(width, height) == expected[::-1]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_video_is_shown_upright(quarters):
    data = video(num_frames=4)
    (lying,) = Video(data, VideoLimits()).frames([2])
    (upright,) = Video(turned(data, quarters), VideoLimits()).frames([2])
    # As a telephone means it: clockwise, so that what was top left comes to the top right.
    assert np.array_equal(upright, np.rot90(lying, -quarters))
    shown = prepared(turned(data, quarters))
    assert (shown.width, shown.height) == ((64, 96) if quarters % 2 else (96, 64))


def test_frames_of_a_variable_rate_are_counted_and_timed_by_the_average(tmp_path):
    data = video(num_frames=8, times=[0, 1, 2, 3, 4, 20, 21, 22])
    path = tmp_path / "video.mp4"
    path.write_bytes(data)
    frames, metadata = Reference("glm46v", SIZE).read(path)
    ours = prepared(data)
    assert list(ours.timestamps) == metadata.timestamps[::2]
    assert torch.equal(ours.patches, Reference("glm46v", SIZE).cut(frames)[0])


def test_a_single_frame_is_one_group_of_itself_twice():
    one = prepared(video(num_frames=1))
    assert one.grid[0] == 1
    assert one.timestamps == (0.0,)
    first, second = one.patches.view(-1, 3, 2, 14 * 14).unbind(2)
    assert torch.equal(first, second)


def test_a_request_may_want_fewer_frames_and_fewer_pixels():
    data = video(num_frames=50)
    whole = prepared(data)
    assert prepared(data, max_frame_count=4).grid[0] == 2
    assert prepared(data, frame_rate=1.0).grid[0] == 3
    small = prepared(data, max_pixel_count=3 * 56 * 56)
    assert small.grid[0] == whole.grid[0]
    assert small.num_patches * 14 * 14 * 2 <= 2 * 3 * 56 * 56 * 2


def test_sound_and_a_cover_picture_are_ignored():
    plain = prepared(video())
    assert torch.equal(prepared(video(sound=True)).patches, plain.patches)
    assert torch.equal(prepared(video(cover=True)).patches, plain.patches)


def test_a_file_that_shows_fewer_frames_than_it_holds_is_taken_for_what_it_shows():
    # An edit list that leaves the second half out.
    data = video(num_frames=20)
    assert prepared(data).grid[0] == 6
    shorter = patched(data, b"elst", 8, (1000).to_bytes(4, "big"))
    assert prepared(shorter).timestamps[-1] < 1.0


def test_a_worker_process_gives_the_same_patches():
    pool = WorkerPool(1)
    try:
        data = video(rate=Fraction(24000, 1001))
        theirs = preprocessor(decode=pool.decode)
        ours = preprocessor()
        there, here = theirs.prepare(data, theirs.budget()), ours.prepare(data, ours.budget())
        assert torch.equal(there.patches, here.patches)
        assert there.timestamps == here.timestamps
        assert pool.num_deaths == 0
    finally:
        pool.close()


def test_pixels_are_those_that_were_drawn():
    """Guards against a decoder that swaps channels or axes in both of the above."""
    ours = prepared(video(num_frames=2, size=(112, 112)))
    frame = ours.patches.view(4, 4, 2, 2, 3, 2, 14, 14)[..., 0, :, :]
    rgb = frame.permute(0, 2, 5, 1, 3, 6, 4).reshape(112, 112, 3)
    rgb = rgb * torch.tensor([0.26862954, 0.26130258, 0.27577711])
    rgb = (rgb + torch.tensor([0.48145466, 0.4578275, 0.40821073])) * 255
    drawn = scene(0, 112, 112).astype(np.float32)
    assert abs(rgb.numpy() - drawn).mean() < 6
