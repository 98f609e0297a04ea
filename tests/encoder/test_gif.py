from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sightline_encoder.gif import has_more_frames_than

from tests.encoder import pictures
from tests.encoder.tiny import encoded, noise


def test_frames_are_counted_across_extensions_and_colour_tables():
    frames = [noise(8, 8, seed) for seed in range(5)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"c" * 600)

    assert has_more_frames_than(data, 4)
    assert not has_more_frames_than(data, 5)


def test_cut_file_counts_what_is_there():
    data = pictures.gif(10)

    assert not has_more_frames_than(data[: len(data) // 2], 9)


@given(st.binary(max_size=200))
def test_any_bytes_end_the_count(tail):
    assert not has_more_frames_than(b"GIF89a" + tail, 100)
