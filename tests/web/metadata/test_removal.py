"""What files tell beside their pixels is not kept."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, ImageSequence
from sightline_web.metadata.removal import without_metadata
from sightline_web.store.pictures import sniff_mime

from tests.web.metadata import files
from tests.web.metadata.files import SECRET

KINDS = ["JPEG", "PNG", "WEBP", "GIF"]
TURNED = ["JPEG", "PNG", "WEBP"]


def cleaned(data: bytes) -> bytes:
    return without_metadata(data, sniff_mime(data) or "")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes) -> list[bytes]:
    return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(opened(data))]


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_stays_and_no_pixel_changes(kind: str) -> None:
    data = files.saved(kind)

    kept = cleaned(data)

    assert SECRET in data and SECRET not in kept
    assert pixels(kept) == pixels(data)
    assert not {"exif", "xmp", "comment", "Location", "Comment"} & set(opened(kept).info)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TURNED)
def test_orientation_is_the_only_thing_that_stays_of_exif(kind: str, orientation: int) -> None:
    data = files.saved(kind, orientation)

    kept = cleaned(data)

    upright = [ImageOps.exif_transpose(opened(each)).tobytes() for each in (data, kept)]
    assert SECRET not in kept
    assert upright[0] == upright[1]
    turned = {files.ORIENTATION_TAG: orientation} if orientation > 1 else {}
    assert dict(opened(kept).getexif()) == turned


@pytest.mark.parametrize("kind", TURNED)
def test_colour_profile_stays(kind: str) -> None:
    assert opened(cleaned(files.saved(kind))).info["icc_profile"] == files.colour_profile()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_keeps_frames_times_and_repeats(kind: str) -> None:
    data = files.animation(kind)

    kept = cleaned(data)

    before, after = opened(data), opened(kept)
    assert SECRET in data and SECRET not in kept
    assert pixels(kept) == pixels(data)
    assert after.info["loop"] == before.info["loop"]
    assert after.info["duration"] == before.info["duration"]


@pytest.mark.parametrize(
    "segment",
    [
        (0xE0, b"JFIF\0\1\2\0\0\1\0\1\x08\x01" + SECRET),
        (0xE0, b"JFXX\0\x10" + SECRET),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET),
        (0xE2, b"FPXR\0" + SECRET),
        (0xED, b"Photoshop 3.0\0" + SECRET),
        (0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET),
        (0xFE, SECRET),
    ],
    ids=["thumbnail", "JFXX", "long XMP", "FlashPix", "IPTC", "Adobe", "comment"],
)
def test_segments_of_jpeg_that_decode_nothing_go(segment: tuple[int, bytes]) -> None:
    data = files.jpeg_with(segment)

    assert SECRET not in cleaned(data)
    assert pixels(cleaned(data)) == pixels(data)


@pytest.mark.parametrize("name", [b"tEXt", b"tIME", b"prIv", b"vpAg"])
def test_chunks_of_png_that_decode_nothing_go(name: bytes) -> None:
    data = files.png_with(name, SECRET)

    assert SECRET not in cleaned(data)
    assert pixels(cleaned(data)) == pixels(data)


def test_chunks_behind_the_end_of_png_go() -> None:
    plain = files.png_with(b"tEXt", b"")
    hidden = len(SECRET).to_bytes(4, "big") + b"IDAT" + SECRET + bytes(4)

    assert cleaned(plain + hidden) == cleaned(plain)


def test_cmyk_keeps_the_marker_that_says_how_to_read_it() -> None:
    file = io.BytesIO()
    Image.new("CMYK", (8, 8), (0, 128, 255, 64)).save(file, "JPEG", comment=SECRET)

    assert pixels(cleaned(file.getvalue())) == pixels(file.getvalue())


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}])
def test_scans_and_restarts_of_jpeg_stay(options: dict[str, object]) -> None:
    data = files.saved("JPEG", **options)

    assert pixels(cleaned(data)) == pixels(data)


def test_places_in_a_video_are_emptied_and_nothing_moves() -> None:
    data = files.movie()

    kept = cleaned(data)

    assert SECRET in data and SECRET not in kept
    assert len(kept) == len(data)
    assert [kept.index(word) for word in (b"mvhdhead", b"tkhdturned", b"mdat", b"video")] == [
        data.index(word) for word in (b"mvhdhead", b"tkhdturned", b"mdat", b"video")
    ]


def test_other_files_are_left_alone() -> None:
    assert without_metadata(b"%PDF-" + SECRET, "application/pdf") == b"%PDF-" + SECRET


SEEDS = [*(files.saved(kind, 6) for kind in TURNED), files.saved("GIF"), files.movie()]
SEEDS += [files.animation(kind) for kind in ("GIF", "WEBP", "PNG")]


@given(st.sampled_from(SEEDS), st.data())
def test_damaged_files_neither_fail_nor_change_twice(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(12, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(12, len(damaged) - 1)) if len(damaged) > 12 else 8] ^= (
            data.draw(st.integers(1, 255))
        )
    mime = sniff_mime(bytes(whole)) or ""

    kept = without_metadata(bytes(damaged), mime)

    assert without_metadata(kept, mime) == kept


def test_a_long_box_is_not_followed_beyond_its_file() -> None:
    huge = struct.pack(">I4sQ", 1, b"udta", 2**63) + SECRET

    assert SECRET not in without_metadata(files.box(b"ftyp", b"isom") + huge, "video/mp4")
