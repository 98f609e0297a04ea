"""Pictures with random damage: pixels within the limits, or a refusal that leaks nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_common.errors import MediaError
from sightline_encoder.image import MediaLimits, decode_image

from tests.encoder.test_image_refusals import LEAK
from tests.encoder.tiny import encoded, noise

LIMITS = MediaLimits(max_pixels=10_000, max_side=400, max_frames=4)
PICTURES = {
    "png": encoded(noise(40, 30)),
    "palette": encoded(noise(40, 30).quantize(16)),
    "jpeg": encoded(noise(40, 30), "JPEG"),
    "progressive": encoded(noise(40, 30), "JPEG", progressive=True),
    "webp": encoded(noise(40, 30), "WEBP"),
    "gif": encoded(noise(40, 30), "GIF", save_all=True, append_images=[noise(40, 30, seed=1)]),
}
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)
HEADERS = st.lists(st.tuples(st.integers(0, 63), st.integers(0, 255)), max_size=3)


@pytest.mark.parametrize("name", PICTURES)
@settings(max_examples=60, deadline=None)
@given(changes=CHANGES, headers=HEADERS, kept=st.floats(0.2, 1))
def test_damaged_picture_is_pixels_or_a_refusal(name, changes, headers, kept):
    data = bytearray(PICTURES[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    for place, value in headers:
        data[place] = value
    data = data[: int(kept * len(data))] if kept < 0.8 else data
    try:
        image = decode_image(bytes(data), LIMITS)
    except MediaError as refusal:
        assert not LEAK.search(refusal.message)
    else:
        assert image.mode == "RGB"
        assert image.width * image.height <= LIMITS.max_pixels
        image.tobytes()
