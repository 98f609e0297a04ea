"""Byte for byte as Pillow, whatever the picture, the sizes and the filter."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sightline_encoder.native import pixel_bands
from sightline_encoder.native.taps import MOST_TAPS

from tests.encoder.native.resampling import needs_kernels, resampler

pytestmark = needs_kernels
FILTERS = [
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
]
BICUBIC = Image.Resampling.BICUBIC
SIDES = st.integers(1, 400)


def noise(width, height, seed=0):
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(samples)


def extremes(width, height, seed=0):
    """Black and white at random, where sums leave the range of samples."""
    return noise(width, height, seed).point(lambda sample: 255 * (sample > 127))


def checkerboard(width, height, seed=0):
    board = np.indices((height, width)).sum(0) % 2 * 255
    return Image.fromarray(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))


def assert_as_pillow(image, size, kind=BICUBIC):
    found = resampler().resampled(image, size, kind)

    assert found is not None
    assert found.flags.c_contiguous and found.dtype == np.uint8
    assert np.array_equal(found, np.asarray(image.resize(size, kind)))


@settings(max_examples=400, deadline=None)
@given(
    before=st.tuples(SIDES, SIDES),
    after=st.tuples(SIDES, SIDES),
    kind=st.sampled_from(FILTERS),
    draw=st.sampled_from([noise, extremes, checkerboard]),
    seed=st.integers(0, 99),
)
def test_pictures_of_any_size_are_pillows(before, after, kind, draw, seed):
    image = draw(*before, seed)
    found = resampler().resampled(image, after, kind)

    if found is None:
        assert before[0] < 16 or min(after) < 20
    else:
        assert np.array_equal(found, np.asarray(image.resize(after, kind)))


@settings(max_examples=150, deadline=None)
@given(
    before=st.tuples(st.integers(64, 300), st.integers(64, 300)),
    change=st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    kind=st.sampled_from(FILTERS),
)
def test_small_changes_of_the_size_are_pillows(before, change, kind):
    after = (before[0] + change[0], before[1] + change[1])
    assert_as_pillow(extremes(*before), after, kind)


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("factor", [0.1, 0.3, 0.5, 0.99, 1.01, 2, 3.7])
def test_every_filter_reduces_and_enlarges_as_pillow(kind, factor):
    assert_as_pillow(extremes(181, 97), (round(181 * factor), round(97 * factor)), kind)


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param((1080, 2400), (448, 1008), id="tall: rows first"),
        pytest.param((200, 300), (150, 200), id="twice as many rows go: columns first"),
        pytest.param((200, 300), (150, 199), id="one more goes: rows first"),
        pytest.param((200, 300), (260, 298), id="wider and lower"),
        pytest.param((300, 200), (290, 260), id="narrower and higher"),
        pytest.param((300, 200), (300, 130), id="the same width"),
        pytest.param((300, 200), (170, 200), id="the same height"),
        pytest.param((300, 200), (300, 200), id="the same size"),
        pytest.param((16, 16), (1, 1), id="one pixel"),
        pytest.param((5000, 16), (400, 3), id="long and thin"),
        pytest.param((16, 5000), (3, 400), id="high and thin"),
    ],
)
@pytest.mark.parametrize("draw", [noise, extremes, checkerboard])
def test_passes_come_in_pillows_order(before, after, draw):
    assert_as_pillow(draw(*before), after)


@pytest.mark.parametrize("size", [(301, 199), (2111, 300), (2112, 300), (400, 2400)])
def test_pictures_in_several_blocks_of_memory_are_pillows(size, monkeypatch):
    monkeypatch.setattr(pixel_bands, "BAND_BYTES", 70_000)
    image = noise(2111, 2300)
    with pytest.raises(ValueError):
        image.__arrow_c_array__()

    assert_as_pillow(image, size)


def test_parts_of_one_row_are_parts(monkeypatch):
    monkeypatch.setattr(pixel_bands, "BAND_BYTES", 1)
    image = noise(3000, 1500)

    assert [rows for _, rows in pixel_bands.pixel_bands(image)] == [1] * 1500
    assert_as_pillow(image, (500, 250))


@pytest.mark.parametrize(
    "image, size, kind",
    [
        pytest.param(Image.new("L", (90, 90)), (60, 60), BICUBIC, id="gray"),
        pytest.param(Image.new("RGBA", (90, 90)), (60, 60), BICUBIC, id="alpha"),
        pytest.param(noise(90, 90), (60, 60), Image.Resampling.NEAREST, id="no sums"),
        pytest.param(noise(3, 90), (60, 60), BICUBIC, id="narrower than its taps"),
        pytest.param(noise(90 * MOST_TAPS, 8), (90, 8), BICUBIC, id="far too many taps"),
    ],
)
def test_what_the_kernel_does_not_know_is_left_to_pillow(image, size, kind):
    assert resampler().resampled(image, size, kind) is None


def test_memory_that_is_not_there_is_a_memory_error(monkeypatch):
    def refuse(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("sightline_encoder.native.resampler.np.empty", refuse)
    with pytest.raises(MemoryError):
        resampler().resampled(noise(90, 90), (60, 60), BICUBIC)


@pytest.mark.skipif(sys.platform != "linux", reason="guards its memory by Linux's calls")
def test_nothing_beyond_a_buffer_is_touched():
    command = [sys.executable, "-m", "tests.encoder.native.guarded_resampling"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
