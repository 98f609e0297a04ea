"""Pictures that look alike to a careless cache, asked for one after the other."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image
from sightline.type.v1 import media_pb2

from tests.encoder import pictures
from tests.encoder.tiny import ask, encoded, forward_count, noise

SAMPLES = np.random.default_rng(0).integers(0, 256, 56 * 112, dtype=np.uint8)


def gray(shape):
    return encoded(Image.fromarray(SAMPLES.reshape(shape)))


def gray_16(width, height, samples):
    rows = np.split(samples, height)
    return pictures.png(width, height, 16, pictures.GRAY, [row.tobytes() for row in rows])


def with_palette(colours):
    picture = Image.fromarray(SAMPLES.reshape(56, 112) % 2, "P")
    picture.putpalette(colours)
    return encoded(picture)


def with_key(colour):
    key = (b"tRNS", struct.pack(">H", colour))
    rows = [row.tobytes() for row in SAMPLES.reshape(56, 112)]
    return pictures.png(112, 56, 8, pictures.GRAY, rows, [key])


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(noise(112, 56), exif=exif)


TWINS = {
    "width and height": (gray((56, 112)), gray((112, 56))),
    "palettes": (with_palette([255, 0, 0, 0, 0, 255]), with_palette([0, 0, 255, 255, 0, 0])),
    "16 and 8 bit of the same bytes": (gray((112, 56)), gray_16(28, 112, SAMPLES)),
    "16 bit in the other order": (
        gray_16(56, 56, SAMPLES),
        gray_16(56, 56, SAMPLES.view(np.uint16).byteswap().view(np.uint8)),
    ),
    "transparent colours": (with_key(3), with_key(200)),
    "orientations": (turned(1), turned(3)),
}


@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
async def test_twins_never_share_features(served, twins):
    first, second = [await ask(served.stub, data) for data in twins]
    again = [await ask(served.stub, data) for data in twins]

    assert first.header.feature_key != second.header.feature_key
    assert first.payload != second.payload
    assert [answer.payload for answer in again] == [first.payload, second.payload]
    assert await forward_count(served) == 2


async def test_same_pixels_in_other_bytes_have_their_own_key_and_equal_features(served):
    eight = encoded(noise(112, 56).convert("L"))
    doubled = np.asarray(noise(112, 56).convert("L")).repeat(2)
    files = [eight, encoded(noise(112, 56).convert("L"), compress_level=1)]
    files.append(gray_16(112, 56, doubled))

    answers = [await ask(served.stub, data) for data in files]

    assert len({answer.header.feature_key for answer in answers}) == 3
    assert len({answer.payload for answer in answers}) == 1
    sources = {answer.header.source for answer in answers}
    assert sources == {media_pb2.FEATURE_SOURCE_COMPUTED}
