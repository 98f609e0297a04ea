"""The law of the comparison: the traces of an encoder pass, one changed detail does not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from sightline_encoder.comparison_image import ComparisonImage, comparison_options, decode
from sightline_encoder.confirmation import MAX_DISTANCE, compare
from sightline_encoder.image import MediaLimits
from sightline_encoder.perceptual_hash import hash_distance, perceptual_hash


def look(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return ComparisonImage.of(decode(file.getvalue(), comparison_options(MediaLimits(), 0)))


def page(text="3", size=11, ink=(40, 40, 40), paper=(255, 255, 255)):
    image = Image.new("RGB", (320, 240), paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for row in range(11):
        draw.text((8, 8 + 20 * row), f"Line {row} of a form with a value", ink, font)
    draw.text((280, 108), text, ink, font)
    return image


@pytest.mark.parametrize(
    ("kind", "quality"), [("JPEG", 95), ("JPEG", 85), ("JPEG", 75), ("WEBP", 90), ("WEBP", 80)]
)
def test_the_same_page_in_another_format_is_confirmed(kind, quality):
    found = compare(look(page()), look(page(), kind, quality=quality))

    assert found.confirmed
    assert found.distance > 0


def test_equal_pixels_have_no_distance():
    found = compare(look(page()), look(page(), "WEBP", lossless=True))

    assert (found.distance, found.confirmed) == (0, True)


@pytest.mark.parametrize("other", ["8", "5", "9", "2", " "])
@pytest.mark.parametrize("size", [9, 11, 16])
@pytest.mark.parametrize("quality", [60, 75, 95])
def test_one_changed_digit_is_never_confirmed(other, size, quality):
    donor = look(page("3", size))
    later = look(page(other, size), "JPEG", quality=quality)

    assert not compare(donor, later).confirmed


def test_one_changed_digit_in_light_print_is_never_confirmed():
    light = {"ink": (215, 215, 215)}

    assert not compare(look(page("3", **light)), look(page("8", **light))).confirmed


def test_a_blinking_caret_is_not_confirmed():
    later = page()
    ImageDraw.Draw(later).line((200, 200, 200, 212), fill=(40, 40, 40))

    assert not compare(look(page()), look(later)).confirmed


def test_one_dot_on_otherwise_equal_pages_is_not_confirmed():
    """Where nothing else differs at all, less is allowed than beside an encoder's traces."""
    later = page()
    later.putpixel((300, 30), (235, 235, 235))
    found = compare(look(page()), look(later))

    assert 0.06 < found.distance < MAX_DISTANCE
    assert not found.confirmed


def test_swapped_colours_of_equal_brightness_are_not_confirmed():
    images = []
    for color in ((200, 30, 30), (30, 116, 30)):
        image = page()
        ImageDraw.Draw(image).ellipse((290, 20, 300, 30), fill=color)
        images.append(look(image))
    found = compare(*images)

    assert found.luma < 0.1 < found.chroma
    assert not found.confirmed


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_scaled_page_is_confirmed_and_a_changed_scaled_page_is_not(factor):
    def scaled(image):
        size = round(factor * image.width), round(factor * image.height)
        return look(image.resize(size, Image.Resampling.BICUBIC))

    assert compare(look(page()), scaled(page())).confirmed
    assert not compare(look(page()), scaled(page("8"))).confirmed


def test_a_changed_corner_pixel_of_any_size_counts():
    """Regions and windows that the edge cuts off are compared as well."""
    for width in range(60, 70):
        levels = np.full((width, width + 3, 3), 128, np.uint8)
        changed = levels.copy()
        changed[-2:, -2:] = 255
        found = compare(look(Image.fromarray(levels)), look(Image.fromarray(changed)))
        assert not found.confirmed


def test_hash_hardly_moves_with_encoding_and_scale():
    hash_ = perceptual_hash(look(page()))
    small = page().resize((288, 216))

    assert hash_distance(hash_, perceptual_hash(look(page(), "JPEG", quality=75))) <= 8
    assert hash_distance(hash_, perceptual_hash(look(small))) <= 24
