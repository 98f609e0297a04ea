"""What is no video, or no honest one, is refused with a reason; nothing of a decoder's words."""

import contextlib
import io
import struct

import numpy as np
import pytest
from PIL import Image
from sightline_common.errors import (
    MediaAspectRatioError,
    MediaEmptyError,
    MediaError,
    MediaFormatError,
    MediaTooLargeError,
    MediaUnreadableError,
)
from sightline_encoder.frame_sampling import FrameSampling
from sightline_encoder.resizing import Resizing
from sightline_encoder.video import decode
from sightline_encoder.video_options import VideoLimits, VideoOptions

from tests.encoder.videos import patched, sound_only, video

RESIZING = Resizing(28, 0, 112 * 112, 12 * 112 * 112, 3)


def decoded(data, **limits):
    options = VideoOptions(VideoLimits(**limits), FrameSampling("glm46v"), RESIZING)
    return decode(data, options.as_json())


def refusal(data, **limits):
    with pytest.raises(MediaError) as caught:
        decoded(data, **limits)
    assert type(caught.value) is not MediaError
    assert "av." not in caught.value.message
    return type(caught.value)


@pytest.mark.parametrize("container", ["mp4", "webm"])
@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_a_video_cut_off_anywhere_is_refused(container, options):
    codec = "h264" if container == "mp4" else "vp9"
    data = video(codec=codec, container=container, options=options if container == "mp4" else {})
    for size in [*range(0, 40), *range(40, len(data), 97), len(data) - 1]:
        assert refusal(data[:size]) in (MediaEmptyError, MediaFormatError, MediaUnreadableError)


def test_a_video_of_many_fragments_is_taken():
    options = {"movflags": "frag_keyframe+empty_moov", "min_frag_duration": "100000"}
    assert decoded(video(options=options)).planes[0].shape[0] == 12


def test_a_video_without_frames_is_refused():
    options = {"movflags": "frag_keyframe+empty_moov"}
    assert refusal(video(num_frames=0)) is MediaFormatError, "FFmpeg wrote a track"
    assert refusal(video(num_frames=0, options=options)) is MediaUnreadableError
    assert refusal(video(num_frames=0, codec="vp9", container="webm")) is MediaUnreadableError


@pytest.mark.parametrize("count", [1, 19, 21, 1000, 100_000])
def test_a_header_that_lies_about_its_frames_changes_nothing_or_is_refused(count):
    data = video(num_frames=20, codec="mpeg4")
    honest = decoded(data)
    lying = patched(data, b"stsz", 8, struct.pack(">I", count))
    try:
        shown = decoded(lying)
    except MediaUnreadableError:
        return
    assert len(shown.planes[0]) <= len(honest.planes[0])


def test_a_header_that_claims_more_frames_than_are_allowed_is_refused_at_once():
    data = patched(video(codec="mpeg4"), b"stsz", 8, struct.pack(">I", 2**31 - 1))
    assert refusal(data) in (MediaTooLargeError, MediaUnreadableError)
    assert refusal(video(num_frames=30), max_frames=29) is MediaTooLargeError


def test_a_header_with_an_impossible_rate_is_bounded():
    # Every frame is said to last 2 ** 31 ticks.
    data = patched(video(codec="mpeg4"), b"stts", 8, struct.pack(">I", 2**31 - 1))
    assert refusal(data) in (MediaTooLargeError, MediaUnreadableError)


@pytest.mark.parametrize("codec", ["h264", "vp9", "mpeg4", "hevc", "av1"])
def test_frames_larger_than_allowed_are_refused_before_they_are_decoded(codec):
    data = video(codec=codec, container="webm" if codec == "vp9" else "mp4", num_frames=2)
    assert decoded(data, max_pixels=96 * 64)
    assert refusal(data, max_pixels=96 * 64 - 1) is MediaTooLargeError


def test_huge_sides_in_the_header_are_refused():
    data = video(codec="h264")
    at = data.index(b"avc1", data.index(b"stsd")) - data.index(b"stsd") - 4
    huge = patched(data, b"stsd", at + 28, struct.pack(">HH", 65535, 65535))
    # FFmpeg believes the frames; they are small, so that either answer is right.
    with contextlib.suppress(MediaTooLargeError):
        assert decoded(huge).facts["width"] == 96


def test_frames_that_are_larger_than_their_header_says_are_never_decoded():
    small, large = video(size=(96, 64)), video(size=(640, 480))
    # The small file's container around the large one's parameters and frames.
    at = large.index(b"avc1", large.index(b"stsd"))
    lying = large[: at + 28] + small[small.index(b"avc1", small.index(b"stsd")) + 28 :][:4]
    lying += large[at + 32 :]
    assert len(lying) == len(large)
    assert refusal(lying, max_pixels=96 * 64) in (MediaTooLargeError, MediaUnreadableError)


def test_a_video_that_lasts_too_long_is_refused():
    assert refusal(video(num_frames=20, rate=10), max_duration_s=1.9) is MediaTooLargeError
    assert decoded(video(num_frames=20, rate=10), max_duration_s=2.0)


def test_a_video_that_takes_too_long_to_decode_is_refused():
    assert refusal(video(), max_decode_s=0.0) is MediaTooLargeError


def test_a_file_of_too_many_bytes_is_refused():
    data = video()
    assert refusal(data, max_file_bytes=len(data) - 1) is MediaTooLargeError


def test_sound_alone_is_no_video():
    assert refusal(sound_only()) is MediaFormatError


def test_a_long_thin_video_is_refused():
    assert refusal(video(size=(4300, 20), codec="mpeg4", num_frames=2)) is MediaAspectRatioError


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animated_picture_under_another_name_is_no_video(kind):
    frames = [Image.fromarray(np.full((64, 64, 3), value, np.uint8)) for value in (0, 100, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=100)
    assert refusal(buffer.getvalue()) is MediaFormatError


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"G" + bytes(187),
        b"/9j/4AAQSkZJRg==,/9j/4AAQSkZJRg==",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    ],
)
def test_other_containers_never_reach_ffmpeg(data, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("FFmpeg was asked")

    monkeypatch.setattr("av.open", never)
    assert refusal(data) is MediaFormatError


def test_a_codec_that_is_not_on_the_list_is_refused():
    assert refusal(video(codec="mjpeg", container="mov")) is MediaFormatError


def test_damage_inside_never_ends_in_anything_but_a_refusal_or_an_answer():
    data = video(num_frames=12)
    generator = np.random.default_rng(3)
    for _ in range(150):
        damaged = bytearray(data)
        for place in generator.integers(0, len(data), 4):
            damaged[place] = generator.integers(0, 256)
        try:
            decoded(bytes(damaged))
        except MediaError as error:
            assert error.reason.startswith("MEDIA_")


def test_many_empty_boxes_cost_little():
    assert refusal(video() + b"\x00\x00\x00\x08free" * 100_000) is MediaUnreadableError
