"""Pixels of unusual files beside values that were computed by hand, not by Pillow."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image
from sightline_encoder.image import MediaLimits, decode_image

from tests.encoder import pictures
from tests.encoder.tiny import encoded, noise

WHITE = (255, 255, 255)


def pixels(data):
    image = decode_image(data, MediaLimits())
    assert image.mode == "RGB"
    return [tuple(pixel) for pixel in np.asarray(image).reshape(-1, 3).tolist()]


def near(found, expected, distance):
    return max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= distance


# Ink of cyan, magenta, yellow, black; and the light that is left of 255.
INKS = [
    ((0, 0, 0, 0), (255, 255, 255)),
    ((255, 0, 0, 0), (0, 255, 255)),
    ((0, 255, 0, 0), (255, 0, 255)),
    ((0, 0, 255, 0), (255, 255, 0)),
    ((0, 0, 0, 255), (0, 0, 0)),
    ((0, 128, 255, 0), (255, 127, 0)),
    ((0, 128, 255, 64), (191, 95, 0)),
    ((100, 50, 25, 128), (77, 102, 115)),
]


@pytest.mark.parametrize("marked", [True, False], ids=["Adobe marker", "no marker"])
@pytest.mark.parametrize(("ink", "light"), INKS)
def test_cmyk_is_read_as_adobe_writes_it_marker_or_not(ink, light, marked):
    data = encoded(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100)
    assert b"Adobe" in data

    found = pixels(data if marked else pictures.without_adobe_marker(data))

    assert all(near(pixel, light, 3) for pixel in found)


@pytest.mark.parametrize(
    ("ink", "light"),
    [
        # Stored are 255 minus ink: luma, two differences of colour, and black.
        ((0, 127, 127, 0), (0, 0, 0)),
        ((255, 127, 127, 0), (255, 255, 255)),
        ((127, 127, 127, 0), (127, 127, 127)),
        ((255, 127, 127, 255), (0, 0, 0)),
        ((255, 127, 127, 55), (200, 200, 200)),
        ((179, 170, 0, 0), (0, 255, 255)),
    ],
)
def test_ycck_is_colour_again(ink, light):
    data = pictures.as_ycck(encoded(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100))

    assert near(pixels(data)[0], light, 4), pixels(data)[0]


def over_white(value, alpha):
    return (value * alpha + 255 * (255 - alpha) + 127) // 255


@pytest.mark.parametrize("value", [0, 1, 77, 128, 254, 255])
def test_every_alpha_lies_over_white(value):
    row = b"".join(bytes([value, 0, 255, alpha]) for alpha in range(256))

    found = pixels(pictures.png(128, 2, 8, pictures.RGB_ALPHA, [row[:512], row[512:]]))

    assert found == [(over_white(value, a), over_white(0, a), 255) for a in range(256)]


def test_every_alpha_of_a_palette_lies_over_white():
    palette = (b"PLTE", bytes([10, 20, 30] * 256))
    alphas = (b"tRNS", bytes(range(256)))
    rows = [bytes(range(128)), bytes(range(128, 256))]
    data = pictures.png(128, 2, 8, pictures.PALETTE, rows, [palette, alphas])

    assert pixels(data) == [tuple(over_white(v, a) for v in (10, 20, 30)) for a in range(256)]


def test_palette_without_transparency_at_every_depth():
    colours = [(1, 2, 3), (250, 0, 9)]
    palette = (b"PLTE", bytes([*colours[0], *colours[1]]))
    for depth, row in ((8, b"\0\1"), (4, b"\x01"), (2, b"\x10"), (1, b"\x40")):
        assert pixels(pictures.png(2, 1, depth, pictures.PALETTE, [row], [palette])) == colours


def test_gray_fills_the_range_at_every_depth():
    for depth, row, expected in (
        (1, b"\x40", [0, 255]),
        (2, b"\x1b", [0, 85, 170, 255]),
        (4, b"\x0f\x81", [0, 255, 136, 17]),
        (16, struct.pack(">4H", 0, 65535, 32768, 257), [0, 255, 128, 1]),
    ):
        data = pictures.png(len(expected), 1, depth, pictures.GRAY, [row])
        assert pixels(data) == [(value,) * 3 for value in expected], depth


def test_16_bit_colour_with_alpha_lies_over_white():
    row = struct.pack(">8H", 30000, 65535, 255, 65535, 30000, 65535, 255, 0)

    found = pixels(pictures.png(2, 1, 16, pictures.RGB_ALPHA, [row]))

    assert found == [(117, 255, 0), WHITE]


def test_screen_that_no_gif_frame_covers_is_white():
    data = bytearray(pictures.gif(2))
    data[6:10] = struct.pack("<HH", 3, 2)

    assert pixels(bytes(data)) == [(0, 0, 255), *[WHITE] * 5]


def test_gif_frame_in_the_middle_of_its_screen_stays_there():
    data = bytearray(pictures.gif(1))
    data[6:10] = struct.pack("<HH", 3, 1)
    start = data.index(b"\x2c")
    data[start + 1 : start + 3] = struct.pack("<H", 1)

    assert pixels(bytes(data)) == [WHITE, (0, 0, 255), WHITE]


def test_screen_that_no_webp_frame_covers_is_white():
    still = encoded(Image.new("RGB", (2, 1), (9, 8, 7)), "WEBP", lossless=True)

    found = pixels(pictures.animated_webp(still, (6, 1), (2, 0)))

    assert found == [WHITE, WHITE, (9, 8, 7), (9, 8, 7), WHITE, WHITE]


def test_default_picture_of_an_apng_counts_and_not_its_animation():
    still, frame = (pictures.png(1, 1, 8, pictures.RGB, [bytes(c)]) for c in ((1, 2, 3), (9, 9, 9)))

    assert pixels(pictures.apng_with_other_default(still, frame)) == [(1, 2, 3)]


def test_all_passes_of_an_interlaced_png_are_read():
    samples = np.asarray(noise(13, 11))

    found = decode_image(pictures.interlaced_png(samples), MediaLimits())

    assert np.array_equal(np.asarray(found), samples)


def test_first_picture_of_a_multi_picture_jpeg_counts():
    first, second = noise(16, 16, 1), noise(16, 16, 2)
    data = encoded(first, "MPO", save_all=True, append_images=[second], quality=95)
    alone = encoded(first, "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.n_frames == 2

    assert pixels(data) == pixels(alone)


def test_orientation_in_a_png_after_its_pixels_is_undone():
    exif = Image.Exif()
    exif[0x0112] = 3
    data = pictures.png(2, 1, 8, pictures.RGB, [bytes([1, 2, 3, 7, 8, 9])])
    late = data[:-12] + pictures.chunk(b"eXIf", exif.tobytes()[6:]) + data[-12:]

    assert pixels(late) == [(7, 8, 9), (1, 2, 3)]
