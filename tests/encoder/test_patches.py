"""Our cut beside the processors of transformers: the same tensor, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sightline_common.errors import MediaAspectRatioError
from sightline_encoder.image import MediaLimits
from sightline_encoder.patches import as_frames
from sightline_encoder.preprocess import (
    PixelBudget,
    Preprocessor,
    patch_cutter,
    processor_resizing,
)
from sightline_encoder.resizing import Resizing
from transformers import Glm4vImageProcessorPil, Glm46VImageProcessorPil
from transformers.models.glm4v import image_processing_pil_glm4v
from transformers.models.glm46v import image_processing_pil_glm46v

from tests.encoder.tiny import encoded, noise

KINDS = (Glm4vImageProcessorPil, Glm46VImageProcessorPil)
RULES = (image_processing_pil_glm4v.smart_resize, image_processing_pil_glm46v.smart_resize)
FLOATS = st.floats(0.001, 2, allow_subnormal=False)
TRIPLES = st.tuples(FLOATS, FLOATS, FLOATS).map(list)


@st.composite
def processors(draw):
    """Draws a processor of any configuration that our cut covers."""
    shortest = draw(st.integers(1, 20_000))
    return draw(st.sampled_from(KINDS))(
        patch_size=draw(st.integers(4, 16)),
        merge_size=draw(st.integers(1, 3)),
        temporal_patch_size=draw(st.integers(1, 3)),
        size={"shortest_edge": shortest, "longest_edge": shortest + draw(st.integers(0, 60_000))},
        resample=draw(st.sampled_from([0, 1, 2, 3, 4, 5])),
        rescale_factor=draw(st.sampled_from([1 / 255, 1 / 127.5, 1.0]) | FLOATS),
        image_mean=draw(TRIPLES),
        image_std=draw(TRIPLES),
    )


@settings(max_examples=150, deadline=None)
@given(processor=processors(), width=st.integers(1, 130), height=st.integers(1, 130))
def test_patches_equal_the_processors_bit_by_bit(processor, width, height):
    picture = noise(width, height)
    budget = PixelBudget(processor.size.shortest_edge, processor.size.longest_edge)

    shown = processor_resizing(processor, budget).apply(picture)
    cut = patch_cutter(processor).cut(shown)

    expected = processor(images=[picture], return_tensors="pt")
    frames = as_frames(torch.from_numpy(cut), 3, processor.temporal_patch_size)
    assert torch.equal(frames, expected["pixel_values"])
    rows, columns = (side // processor.patch_size for side in shown.shape[:2])
    assert expected["image_grid_thw"].tolist() == [[1, rows, columns]]


@settings(max_examples=400, deadline=None)
@given(
    rule=st.sampled_from(RULES),
    sides=st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    cell=st.sampled_from([14, 16, 28, 32, 42]),
    num_frames=st.integers(1, 4),
    shortest=st.integers(1, 200_000),
    extra=st.integers(0, 10_000_000),
)
def test_size_is_that_of_the_processors_rule(rule, sides, cell, num_frames, shortest, extra):
    resizing = Resizing(cell, num_frames, shortest, shortest + extra, 3)
    width, height = sides
    try:
        expected = rule(num_frames, height, width, num_frames, cell, shortest, shortest + extra)
    except ValueError:
        with pytest.raises(MediaAspectRatioError):
            resizing.size(width, height)
    else:
        assert resizing.size(width, height) == expected[::-1]


@pytest.mark.parametrize("kind", KINDS)
def test_known_processors_are_cut_here(kind):
    assert patch_cutter(kind()) is not None


@pytest.mark.parametrize(
    "changes",
    [{"do_normalize": False}, {"do_rescale": False}, {"do_rescale": False, "do_normalize": False}],
)
def test_other_steps_are_left_to_the_processor(changes):
    processor = Glm46VImageProcessorPil(**changes)
    preprocessor = Preprocessor(processor, MediaLimits(), 1)
    picture = noise(90, 60)

    cut = preprocessor.prepare(encoded(picture), preprocessor.pixel_budget())

    assert patch_cutter(processor) is None
    assert (cut.width, cut.height) == (90, 60)
    expected = processor(images=[picture], return_tensors="pt")
    assert torch.equal(cut.patches, expected["pixel_values"])


def test_processor_of_another_kind_is_not_taken_for_a_known_one():
    class Other(Glm46VImageProcessorPil):
        pass

    assert patch_cutter(Other()) is None


def test_pixels_are_left_as_they_were():
    pixels = np.asarray(Image.new("RGB", (56, 28), (1, 2, 3))).copy()
    pixels.setflags(write=False)

    patch_cutter(Glm46VImageProcessorPil()).cut(pixels)

    assert (pixels == (1, 2, 3)).all()
