from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from sightline_encoder.image import MediaLimits, decode_image

from tests.encoder import pictures
from tests.encoder.tiny import encoded, noise

WHITE = (255, 255, 255)


def decode(data, **limits):
    return decode_image(data, MediaLimits(**limits))


def colour(data, at=(0, 0)):
    image = decode(data)
    assert image.mode == "RGB"
    return image.getpixel(at)


def near(found, expected, distance):
    return max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= distance


def test_lossless_pixels_arrive_unchanged():
    picture = noise(31, 17)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        assert np.array_equal(np.asarray(decode(encoded(picture, kind, **options))), picture)


def test_cmyk_jpeg_becomes_its_colour():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))

    assert near(colour(encoded(cmyk, "JPEG", quality=95)), (255, 0, 0), 4)


def test_grayscale_becomes_gray():
    assert colour(encoded(Image.new("L", (2, 2), 77))) == (77, 77, 77)
    assert near(colour(encoded(Image.new("L", (8, 8), 77), "JPEG")), (77, 77, 77), 2)


def test_gray_with_alpha_lies_over_white():
    assert colour(encoded(Image.new("LA", (2, 2), (0, 0)))) == WHITE
    assert colour(encoded(Image.new("LA", (2, 2), (0, 255)))) == (0, 0, 0)


def test_rgba_lies_over_white_and_hides_its_hidden_colour():
    assert colour(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))) == WHITE
    assert colour(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 255)))) == (255, 0, 0)
    assert near(colour(encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 128)))), (127, 127, 127), 1)


def test_transparent_webp_lies_over_white():
    hidden = Image.new("RGBA", (4, 4), (255, 0, 0, 0))

    assert colour(encoded(hidden, "WEBP", lossless=True, exact=True)) == WHITE


def test_palette_becomes_its_colours():
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)

    decoded = decode(encoded(picture))

    assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (200, 100, 50)]


def test_palette_transparency_lies_over_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 0), 1)
    for kind in ("PNG", "GIF"):
        data = encoded(picture, kind, transparency=0)
        assert colour(data) == WHITE
        assert colour(data, (1, 0)) == (0, 255, 0)


def test_palette_alpha_table_lies_over_white():
    rows = [bytes([0, 1])]
    palette = (b"PLTE", bytes([255, 0, 0, 0, 0, 0]))
    data = pictures.png(2, 1, 8, pictures.PALETTE, rows, [palette, (b"tRNS", bytes([0, 128]))])

    assert colour(data) == WHITE
    assert near(colour(data, (1, 0)), (127, 127, 127), 1)


def test_transparent_colour_of_rgb_becomes_white():
    rows = [bytes([255, 0, 0, 0, 0, 255])]
    key = (b"tRNS", struct.pack(">HHH", 255, 0, 0))
    data = pictures.png(2, 1, 8, pictures.RGB, rows, [key])

    assert (colour(data), colour(data, (1, 0))) == (WHITE, (0, 0, 255))


def test_transparent_colour_of_16_bit_rgb_becomes_white():
    rows = [struct.pack(">HHHHHH", 0xFF00, 0, 0, 0, 0, 0xFFFF)]
    key = (b"tRNS", struct.pack(">HHH", 0xFF00, 0, 0))
    data = pictures.png(2, 1, 16, pictures.RGB, rows, [key])

    assert (colour(data), colour(data, (1, 0))) == (WHITE, (0, 0, 255))


@pytest.mark.parametrize(("depth", "row"), [(8, b"\x05\x80"), (4, b"\x58"), (2, b"\x60")])
def test_transparent_gray_becomes_white_at_every_depth(depth, row):
    first = row[0] >> 8 - depth
    key = (b"tRNS", struct.pack(">H", first))
    data = pictures.png(2, 1, depth, pictures.GRAY, [row], [key])

    assert colour(data) == WHITE
    assert colour(data, (1, 0)) != WHITE


def test_one_bit_becomes_black_and_white():
    data = pictures.png(2, 1, 1, pictures.GRAY, [b"\x40"])

    assert (colour(data), colour(data, (1, 0))) == ((0, 0, 0), WHITE)


def test_16_bit_gray_is_rescaled_instead_of_saturated():
    rows = [struct.pack(">HHH", 30000, 65535, 255)]
    decoded = decode(pictures.png(3, 1, 16, pictures.GRAY, rows))

    assert [decoded.getpixel((x, 0))[0] for x in range(3)] == [117, 255, 0]


def test_transparent_16_bit_gray_becomes_white():
    rows = [struct.pack(">HH", 30000, 30001)]
    key = (b"tRNS", struct.pack(">H", 30000))
    data = pictures.png(2, 1, 16, pictures.GRAY, rows, [key])

    assert (colour(data), colour(data, (1, 0))) == (WHITE, (117, 117, 117))


def test_16_bit_gray_with_alpha_lies_over_white():
    rows = [struct.pack(">HHHH", 30000, 65535, 30000, 0)]
    data = pictures.png(2, 1, 16, pictures.GRAY_ALPHA, rows)

    assert (colour(data), colour(data, (1, 0))) == ((117, 117, 117), WHITE)


def test_16_bit_rgb_keeps_the_upper_byte():
    rows = [struct.pack(">HHH", 30000, 65535, 255)]

    assert colour(pictures.png(1, 1, 16, pictures.RGB, rows)) == (117, 255, 0)


def corners():
    """Red, green over blue, white: every orientation looks different."""
    picture = Image.new("RGB", (32, 16))
    for box, fill in (
        ((0, 0, 16, 8), "red"),
        ((16, 0, 32, 8), "lime"),
        ((0, 8, 16, 16), "blue"),
        ((16, 8, 32, 16), "white"),
    ):
        picture.paste(fill, box)
    return picture


TURNS = {
    1: [],
    2: [Image.Transpose.FLIP_LEFT_RIGHT],
    3: [Image.Transpose.ROTATE_180],
    4: [Image.Transpose.FLIP_TOP_BOTTOM],
    5: [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90],
    6: [Image.Transpose.ROTATE_270],
    7: [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_270],
    8: [Image.Transpose.ROTATE_90],
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_undone(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = corners()
    for turn in TURNS[orientation]:
        expected = expected.transpose(turn)

    decoded = decode(encoded(corners(), kind, exif=exif, quality=95))

    assert decoded.size == expected.size
    middle = [(x, y) for x in (0.25, 0.75) for y in (0.25, 0.75)]
    for x, y in middle:
        at = (int(x * decoded.width), int(y * decoded.height))
        assert near(decoded.getpixel(at), expected.getpixel(at), 30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"]
)
def test_corrupt_exif_counts_as_none(exif):
    assert decode(encoded(corners(), "JPEG", exif=exif)).size == (32, 16)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientation_counts_as_none(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert decode(encoded(corners(), "JPEG", exif=exif)).size == (32, 16)


def test_colour_profiles_are_ignored_valid_or_not():
    picture = noise(16, 16)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for icc in (profile, b"no profile"):
        decoded = decode(encoded(picture, "PNG", icc_profile=icc))
        assert np.array_equal(np.asarray(decoded), np.asarray(picture))


def test_progressive_jpeg_equals_baseline():
    picture = noise(64, 48)
    baseline = decode(encoded(picture, "JPEG", quality=90))

    progressive = decode(encoded(picture, "JPEG", quality=90, progressive=True))

    assert np.array_equal(np.asarray(progressive), np.asarray(baseline))


def test_interlaced_png_is_read():
    # One Adam7 pass holds a single pixel, so one row suffices.
    head = struct.pack(">IIBBBBB", 1, 1, 8, pictures.RGB, 0, 0, 1)
    body = zlib.compress(b"\0\x0a\x14\x1e")
    data = pictures.SIGNATURE + b"".join(
        pictures.chunk(name, content)
        for name, content in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    )

    assert colour(data) == (10, 20, 30)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (8, 8), fill) for fill in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)

    assert colour(data) == (255, 0, 0)


def test_first_frame_smaller_than_its_screen_lies_over_white():
    data = bytearray(pictures.gif(1))
    data[6:10] = struct.pack("<HH", 2, 1)
    control = b"\x21\xf9\x04\x01\x00\x00\x00\x00"
    start = data.index(b"\x2c")
    data[start:start] = control

    assert decode(bytes(data)).size == (2, 1)
    assert colour(bytes(data), (1, 0)) == WHITE


def test_trailing_bytes_change_nothing():
    data = encoded(noise(16, 16), "JPEG")

    polyglot = decode(data + b"PK\x03\x04" + bytes(100))

    assert np.array_equal(np.asarray(polyglot), np.asarray(decode(data)))


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (1, 40), (200, 1), (1, 200)])
def test_thin_and_tiny_pictures_keep_their_sides(size):
    assert decode(encoded(noise(*size))).size == size


def test_orientation_in_xmp_alone_turns_nothing_as_in_browsers():
    plain = encoded(noise(16, 8), "JPEG")
    turned = pictures.with_xmp_orientation(plain, 6)

    with Image.open(io.BytesIO(turned)) as image:
        assert image.getexif()[0x0112] == 6, "Pillow reads it"
    assert np.array_equal(np.asarray(decode(turned)), np.asarray(decode(plain)))
