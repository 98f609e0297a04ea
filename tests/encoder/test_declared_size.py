from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_encoder.declared_size import declared_pixels

from tests.encoder.tiny import encoded, noise

SIZE = (123, 45)
KINDS = {
    "png": ("PNG", {}),
    "gif": ("GIF", {}),
    "jpeg": ("JPEG", {}),
    "progressive jpeg": ("JPEG", {"progressive": True, "exif": b"Exif\0\0" + bytes(300)}),
    "lossy webp": ("WEBP", {"quality": 50}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "extended webp": ("WEBP", {"lossless": True, "exif": b"Exif\0\0II*\0"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_tells_its_size(kind):
    name, options = KINDS[kind]
    assert declared_pixels(encoded(noise(*SIZE), name, **options)) == 123 * 45


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_no_cut_or_damage_is_more_than_unknown(kind, data):
    name, options = KINDS[kind]
    whole = bytearray(encoded(noise(20, 10), name, **options))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    for size in (data.draw(st.integers(0, len(whole))), len(whole)):
        pixels = declared_pixels(bytes(whole[:size]))
        assert pixels is None or pixels >= 0


@pytest.mark.parametrize("data", [b"", b"\xff\xd8" + b"\xff" * 5000, b"ftypmp42", bytes(100)])
def test_what_is_no_picture_has_no_size(data):
    assert declared_pixels(data) is None
