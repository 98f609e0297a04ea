import itertools

import pytest
from sightline_encoder.frame_sampling import Clip, FrameSampling
from transformers.video_utils import VideoMetadata

from tests.encoder.video_reference import Reference

SIZE = {"shortest_edge": 1, "longest_edge": 1}
FPS = [0.2, 1.0, 7.0, 9.99, 23.976, 24.0, 25.0, 29.97, 59.94, 120.0]
LENGTHS = [1, 2, 3, 5, 11, 24, 97, 250, 899, 900, 901, 7300, 9000, 45001, 90000]


@pytest.mark.parametrize("rule", ["glm4v", "glm46v"])
@pytest.mark.parametrize("fps", FPS)
def test_indices_and_timestamps_equal_the_processors(rule, fps):
    reference, sampling = Reference(rule, SIZE), FrameSampling(rule)
    for num_frames in LENGTHS:
        metadata = VideoMetadata(num_frames, fps, duration=num_frames / fps)
        expected = reference.indices(metadata)
        clip = Clip(num_frames, fps)
        indices = sampling.indices(clip)
        if not expected:
            assert indices == [0, 0], "a video that the processor cannot take"
            continue
        assert indices == expected
        metadata.frames_indices = expected
        assert sampling.timestamps(indices, clip) == metadata.timestamps[::2]


@pytest.mark.parametrize("rate", [0.3, 1.0, 2.5, 8.0])
def test_a_frame_rate_is_the_glm4v_processors_own_argument(rate):
    reference, sampling = Reference("glm4v", SIZE), FrameSampling("glm4v", frame_rate=rate)
    for num_frames in (5, 97, 900):
        metadata = VideoMetadata(num_frames, 24.0, duration=num_frames / 24.0)
        assert sampling.indices(Clip(num_frames, 24.0)) == reference.indices(metadata, fps=rate)


@pytest.mark.parametrize("rule", ["glm4v", "glm46v"])
@pytest.mark.parametrize("most", [2, 3, 8, 640])
def test_a_bound_on_frames_is_kept_and_the_whole_video_seen(rule, most):
    for rate in (None, 4.0, 120.0):
        sampling = FrameSampling(rule, frame_rate=rate, max_frames=most)
        indices = sampling.indices(Clip(900, 25.0))
        assert 2 <= len(indices) <= most
        assert indices == sorted(indices)
        assert indices[0] == 0
        assert indices[-1] > 850


@pytest.mark.parametrize("rule", ["glm4v", "glm46v"])
def test_a_frame_rate_says_how_many_frames_a_second_are_taken(rule):
    for rate in (1.0, 5.0):
        indices = FrameSampling(rule, frame_rate=rate).indices(Clip(200, 25.0))
        assert len(indices) == 8 * rate
        steps = [after - before for before, after in itertools.pairwise(indices)]
        assert all(abs(step - 25 / rate) <= 1 for step in steps)
