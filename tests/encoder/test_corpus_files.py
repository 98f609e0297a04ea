"""Every file of the corpus, in the decoder, and through worker processes over gRPC."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sightline_common.errors import MediaError
from sightline_encoder.image import MediaLimits, decode_image
from sightline_encoder.preprocess import load_preprocessor
from sightline_encoder.worker_pool import WorkerPool
from sightline_encoder.worker_process import WorkerLimits

from tests.encoder import tiny
from tests.encoder.corpus import ACCEPTED, NOISE, REFUSED
from tests.encoder.tiny import ask, encoded, refusal


@pytest.mark.parametrize("number", list(ACCEPTED))
def test_accepted_picture_has_the_pixels_that_a_person_sees(number):
    for sample in ACCEPTED[number]():
        found = np.asarray(decode_image(sample.data, MediaLimits())).astype(int)

        assert found.shape == sample.pixels.shape
        assert np.abs(found - sample.pixels).max() <= sample.tolerance


@pytest.mark.parametrize("number", list(REFUSED))
def test_refused_picture_is_refused_for_its_reason(number):
    for sample in REFUSED[number]():
        with pytest.raises(MediaError) as caught:
            decode_image(sample.data, MediaLimits())

        assert caught.value.reason == sample.reason


@pytest.fixture
def pool():
    pool = WorkerPool(2, WorkerLimits(256 * 1024**2))
    yield pool
    pool.close()


@pytest.fixture
async def served(tiny_model, pool):
    preprocessor = load_preprocessor(tiny_model.checkpoint, MediaLimits(), 1024 * 1024, pool.decode)
    async with tiny.running_encoder(tiny_model, prepare=preprocessor.prepare) as running:
        yield running


async def test_accepted_files_give_the_features_of_their_pixels(served):
    differing = []
    for number, samples in ACCEPTED.items():
        for sample in samples():
            pixels = decode_image(sample.data, MediaLimits())
            twin = encoded(Image.fromarray(np.asarray(pixels)), compress_level=2)
            found, expected = [await ask(served.stub, data) for data in (sample.data, twin)]
            if found.payload != expected.payload:
                differing.append(number)

    assert not differing


async def test_good_picture_is_answered_after_every_refused_one(served, pool):
    good = encoded(NOISE)
    expected = (await ask(served.stub, good)).payload
    outcomes = []
    for number, samples in REFUSED.items():
        for sample in samples():
            _code, error = await refusal(ask(served.stub, sample.data))
            answer = (await ask(served.stub, good, salt=f"{number}")).payload
            outcomes.append((number, error.reason, answer == expected))

    wanted = [(number, each.reason, True) for number, make in REFUSED.items() for each in make()]
    assert outcomes == wanted
    assert pool.num_deaths == 0
    assert served.uploads.num_bytes == 0
