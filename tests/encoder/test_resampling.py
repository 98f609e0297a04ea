"""With kernels and without, the pixels are the same; without a compiler there are none."""

import numpy as np
import pytest
from PIL import Image
from sightline_common.native import library as library_module
from sightline_common.native.library import built
from sightline_encoder import picture, resampling, resampling_library
from sightline_encoder.comparison_image import comparison_options
from sightline_encoder.decoded import decode_here
from sightline_encoder.image import MediaLimits
from sightline_encoder.preprocess import COMPARISON_DECODER, PICTURE_DECODER
from sightline_encoder.resizing import Resizing

from tests.encoder.native.resampling import needs_kernels
from tests.encoder.tiny import encoded, noise

RESIZING = Resizing(28, 2, 112 * 112, 2 * 224 * 224, Image.Resampling.BICUBIC)
OPTIONS = picture.picture_options(MediaLimits(), RESIZING)


@pytest.fixture
def equipped(monkeypatch):
    monkeypatch.setattr(resampling._Equipment, "resampler", None)
    resampling.equip(built(resampling_library.SOURCE))
    assert resampling.is_equipped()
    calls = []
    resampled = resampling._Equipment.resampler.resampled
    monkeypatch.setattr(
        resampling._Equipment.resampler,
        "resampled",
        lambda *given: calls.append(given[1:]) or resampled(*given),
    )
    return calls


@needs_kernels
@pytest.mark.parametrize("size", [(640, 480), (90, 800), (3, 40), (1, 1), (224, 224)], ids=str)
def test_kernels_give_the_pixels_that_pillow_gives(equipped, size):
    data = encoded(noise(*size))
    found = decode_here(PICTURE_DECODER, data, OPTIONS)
    equipped_calls = len(equipped)
    resampling._Equipment.resampler = None

    expected = decode_here(PICTURE_DECODER, data, OPTIONS)

    assert np.array_equal(found.planes[0], expected.planes[0])
    assert found.facts == expected.facts
    assert equipped_calls == (size != (224, 224))


@needs_kernels
def test_comparison_images_are_reduced_by_kernels_alike(equipped):
    data = encoded(noise(2000, 1500))
    found = decode_here(COMPARISON_DECODER, data, comparison_options(MediaLimits(), 1))
    assert len(equipped) == 1
    resampling._Equipment.resampler = None

    expected = decode_here(COMPARISON_DECODER, data, comparison_options(MediaLimits(), 1))

    for plane, same in zip(found.planes, expected.planes, strict=True):
        assert np.array_equal(plane, same)


def test_a_library_that_is_none_leaves_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(resampling._Equipment, "resampler", None)
    resampling.equip(tmp_path / "nothing.so")

    assert not resampling.is_equipped()
    assert resampling.resampled(noise(90, 60), (45, 30), 3).shape == (30, 45, 3)


@needs_kernels
def test_a_library_of_other_kernels_leaves_pillow(monkeypatch):
    monkeypatch.setattr(resampling._Equipment, "resampler", None)
    resampling.equip(built(resampling_library.SOURCE.with_name("kernels.cpp")))

    assert not resampling.is_equipped()


@needs_kernels
def test_the_library_is_found_where_its_pictures_are_pillows():
    assert resampling_library.resampling_library() == built(resampling_library.SOURCE)


def test_without_a_compiler_there_is_no_library(monkeypatch, caplog):
    monkeypatch.setattr(library_module.shutil, "which", lambda name: None)

    assert resampling_library.resampling_library() is None
    assert "resampled by Pillow" in caplog.text


@needs_kernels
def test_a_pillow_that_resamples_otherwise_is_found_out(monkeypatch, caplog):
    resize = Image.Image.resize

    def other(image, size, *arguments):
        """Pillow's before 13, which never takes the rows first."""
        if image.mode != "RGB":
            return resize(image, size, *arguments)
        halfway = resize(image, (size[0], image.height), *arguments)
        return resize(halfway, size, *arguments)

    monkeypatch.setattr(Image.Image, "resize", other)

    assert resampling_library.resampling_library() is None
    assert "resampled by Pillow" in caplog.text


@needs_kernels
def test_a_pillow_whose_rows_lie_apart_is_found_out(monkeypatch, caplog):
    def refuse(image):
        raise ValueError("Image rows are not contiguous in memory.")

    monkeypatch.setattr(Image.Image, "__arrow_c_array__", refuse)

    assert resampling_library.resampling_library() is None
    assert "resampled by Pillow" in caplog.text
