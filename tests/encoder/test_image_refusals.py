from __future__ import annotations

import io
import re
import resource
import struct
import zlib

import pytest
from PIL import Image, ImageFile
from sightline_common.errors import (
    MediaAspectRatioError,
    MediaEmptyError,
    MediaError,
    MediaFormatError,
    MediaTooLargeError,
    MediaUnreadableError,
)
from sightline_encoder.image import MediaLimits, decode_image

from tests.encoder import pictures
from tests.encoder.tiny import encoded, noise

LEAK = re.compile(r"0x[0-9a-f]{4,}|/|<|Error|PIL|\.py")


def decode(data, **limits):
    return decode_image(data, MediaLimits(**limits))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MediaEmptyError),
        (b"\x89", MediaUnreadableError),
        (b"x", MediaFormatError),
        (b"\x89PNG\r\n", MediaUnreadableError),
        (b"\xff\xd8\xff\xe0\x00\x10", MediaUnreadableError),
        (b"GIF89a\x01", MediaUnreadableError),
        (b"RIFF\x10\x00", MediaUnreadableError),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", MediaUnreadableError),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', MediaFormatError),
        (b"<!doctype html><img src=x>", MediaFormatError),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", MediaFormatError),
        (b"8BPS\0\1" + bytes(30), MediaFormatError),
        (b"SIMPLE  =                    T", MediaFormatError),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", MediaFormatError),
        (b"%PDF-1.7\n", MediaFormatError),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", MediaFormatError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value[:12].hex(),
)
def test_what_is_no_picture_is_refused(data, error):
    with pytest.raises(error):
        decode(data)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "TIFF", "BMP", "PPM", "ICO", "TGA"])
def test_other_picture_formats_are_refused(kind):
    with pytest.raises(MediaFormatError):
        decode(encoded(noise(16, 16), kind))


def test_tiff_of_several_pages_is_refused():
    with pytest.raises(MediaFormatError):
        decode(encoded(noise(8, 8), "TIFF", save_all=True, append_images=[noise(8, 8, 1)]))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_truncated_file_is_refused(kind, share):
    data = encoded(noise(64, 64), kind)

    with pytest.raises(MediaUnreadableError):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_without_end_marker_is_refused(progressive):
    with pytest.raises(MediaUnreadableError):
        decode(encoded(noise(64, 48), "JPEG", progressive=progressive)[:-2])


def test_png_without_end_chunk_is_refused():
    with pytest.raises(MediaUnreadableError):
        decode(encoded(noise(8, 8))[:-12])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_decoder_is_allowed_only_the_format_of_the_magic_number(monkeypatch, kind):
    data, allowed, opened = encoded(noise(8, 8), kind), [], Image.open

    def open_image(file, formats=None):
        allowed.append(formats)
        return opened(file, formats=formats)

    monkeypatch.setattr(Image, "open", open_image)
    decode(data)

    assert allowed == [[kind]]


def test_truncated_files_are_never_completed_by_the_decoder():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_damaged_pixels_are_refused():
    data = bytearray(encoded(noise(64, 64)))
    data[len(data) // 2] ^= 0xFF

    with pytest.raises(MediaUnreadableError):
        decode(bytes(data))


def test_zero_width_is_refused():
    with pytest.raises(MediaUnreadableError):
        decode(pictures.png_declaring(0, 5))


def test_900_megapixel_header_is_refused_without_memory():
    data = pictures.png_declaring(30_000, 30_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(MediaTooLargeError):
        decode(data)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024


def test_144_megapixels_are_refused_inside_the_decoders_own_guard():
    with pytest.raises(MediaTooLargeError):
        decode(pictures.png_declaring(12_000, 12_000))


def test_pixel_limit_holds_exactly():
    data = encoded(noise(20, 10))

    assert decode(data, max_pixels=200).size == (20, 10)
    with pytest.raises(MediaTooLargeError) as caught:
        decode(data, max_pixels=199)
    assert caught.value.metadata == {"max_pixel_count": "199"}


def test_side_limit_holds_exactly():
    data = encoded(noise(20, 10))

    assert decode(data, max_side=20).size == (20, 10)
    with pytest.raises(MediaTooLargeError):
        decode(data, max_side=19)


def test_byte_limit_holds_exactly():
    data = encoded(noise(20, 10))

    assert decode(data, max_file_bytes=len(data)).size == (20, 10)
    with pytest.raises(MediaTooLargeError):
        decode(data, max_file_bytes=len(data) - 1)


@pytest.mark.parametrize("size", [(201, 1), (1, 201), (1, 10_000)])
def test_ratio_above_200_is_refused(size):
    with pytest.raises(MediaAspectRatioError):
        decode(encoded(Image.new("L", size)))


def test_compressed_text_bomb_is_refused():
    text = b"Comment\0\0" + zlib.compress(bytes(2 * 1024 * 1024))
    data = pictures.png(1, 1, 8, pictures.GRAY, [b"\0"], [(b"zTXt", text)])

    with pytest.raises(MediaUnreadableError):
        decode(data)


def test_frame_limit_holds_exactly():
    assert decode(pictures.gif(1000)).size == (1, 1)
    with pytest.raises(MediaTooLargeError):
        decode(pictures.gif(1001))
    with pytest.raises(MediaTooLargeError):
        decode(pictures.gif(10_000))


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_frame_limit_holds_for_other_animations(kind):
    frames = [Image.new("RGB", (4, 4), (index * 40, 0, 0)) for index in range(4)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)

    assert decode(data, max_frames=4).size == (4, 4)
    with pytest.raises(MediaTooLargeError):
        decode(data, max_frames=3)


def test_message_of_a_refusal_says_nothing_of_the_decoder():
    whole = encoded(noise(64, 64))
    files = [b"", b"x", whole[:50], whole[:-300], pictures.png_declaring(0, 0), b"RIFF1234WEBP"]
    for data in files:
        with pytest.raises(MediaError) as caught:
            decode(data)
        assert not LEAK.search(caught.value.message), caught.value.message


def test_any_exception_of_a_decoder_is_a_refusal(monkeypatch):
    for kind in (ValueError, KeyError, RecursionError, struct.error, SyntaxError, AssertionError):
        monkeypatch.setattr(Image, "open", raising(kind("at 0x7fdeadbeef")))
        with pytest.raises(MediaUnreadableError):
            decode(b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr(Image, "open", raising(MemoryError()))
    with pytest.raises(MediaTooLargeError):
        decode(b"\x89PNG\r\n\x1a\n")


def raising(error):
    def open_image(*_args, **_options):
        raise error

    return open_image


def test_good_picture_works_after_every_refusal():
    for data in (b"", b"x", encoded(noise(64, 64))[:99], pictures.png_declaring(30_000, 30_000)):
        with pytest.raises(MediaError):
            decode(data)
        assert decode(encoded(noise(9, 9))).size == (9, 9)


def test_file_like_is_not_kept_open():
    image = decode(encoded(noise(9, 9)))

    assert not hasattr(image, "fp") or not isinstance(image.fp, io.BytesIO)


def progressive(side=16):
    return encoded(noise(side, side), "JPEG", progressive=True)


def test_scan_limit_holds_exactly():
    assert decode(pictures.with_scans(progressive(), 100)).size == (16, 16)
    with pytest.raises(MediaTooLargeError):
        decode(pictures.with_scans(progressive(), 101))


def test_scans_are_counted_before_any_pixel_is_decoded(monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", raising(AssertionError("decoded")))
    with pytest.raises(MediaTooLargeError):
        decode(pictures.with_scans(progressive(), 1000))


def test_marker_without_a_segment_hides_no_scans():
    # Read as if it had one, it would jump over the 65 KB behind it.
    jpeg = pictures.with_scans(progressive(), 1000)
    second_scan = jpeg.index(b"\xff\xda", jpeg.index(b"\xff\xda") + 2)

    with pytest.raises(MediaTooLargeError):
        decode(jpeg[:second_scan] + b"\xff\x01" + jpeg[second_scan:])


def test_what_looks_like_scans_inside_a_segment_is_not_counted():
    jpeg = progressive()
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 2 * 1000) + b"\xff\xda" * 1000

    assert decode(jpeg[:2] + comment + jpeg[2:]).size == (16, 16)


def test_end_chunk_inside_a_text_does_not_make_a_png_whole():
    end = pictures.chunk(b"IEND", b"")
    whole = pictures.png(4, 4, 8, pictures.GRAY, [bytes(4)] * 4, [(b"tEXt", b"a\0" + end)])

    assert decode(whole).size == (4, 4)
    with pytest.raises(MediaUnreadableError):
        decode(whole.removesuffix(end))
