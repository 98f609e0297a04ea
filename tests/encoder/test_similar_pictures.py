"""Features of an earlier, similar picture: when they are used, and above all when not."""

from __future__ import annotations

import asyncio

import grpc
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.errors import EngineFailedError

from tests.encoder import tiny
from tests.encoder.tiny import ask, encoded, forward_count, refusal, until

COMPUTED, MEMORY = media_pb2.FEATURE_SOURCE_COMPUTED, media_pb2.FEATURE_SOURCE_MEMORY
SIMILAR = media_pb2.FEATURE_SOURCE_SIMILAR
ALLOWED = media_pb2.MediaOptions(similar_allowed=True)


def page(text: str = "Total 1,284.50", size: tuple[int, int] = (280, 196)) -> Image.Image:
    image = Image.new("RGB", size, (250, 248, 240))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(12)
    for row in range(8):
        draw.text((12, 12 + 20 * row), f"Item {row}   {37 * row % 11}.40", (40, 40, 40), font)
    draw.text((150, 150), text, (40, 40, 40), font)
    return image


DONOR = encoded(page())
AGAIN = encoded(page(), "JPEG", quality=85)


@pytest.fixture
async def offering(tiny_model):
    async with tiny.running_encoder(tiny_model, similar_bytes=2**22) as running:
        yield running
        assert running.encoder.cache.num_pinned == 0
        assert running.uploads.num_bytes == 0
        running.encoder.similar.index.check_integrity()


async def test_another_encoding_takes_the_first_ones_features_and_says_so(offering):
    first = await ask(offering.stub, DONOR, options=ALLOWED)
    second = await ask(offering.stub, AGAIN, options=ALLOWED)

    assert (first.header.source, second.header.source) == (COMPUTED, SIMILAR)
    assert second.header.feature_key == first.header.feature_key
    assert second.header.payload_digest == first.header.payload_digest
    assert second.payload == first.payload
    assert 0 < second.header.similar_distance < 0.14
    assert not first.header.HasField("similar_distance")
    assert await forward_count(offering) == 1


async def test_known_similar_picture_needs_no_bytes_and_is_similar_still(offering):
    await ask(offering.stub, DONOR, options=ALLOWED)
    second = await ask(offering.stub, AGAIN, options=ALLOWED)
    third = await ask(offering.stub, AGAIN, options=ALLOWED)

    assert second.bytes_wanted and not third.bytes_wanted
    assert third.header.source == SIMILAR
    assert third.header.similar_distance == second.header.similar_distance


async def test_without_permission_nothing_is_similar(offering):
    first = await ask(offering.stub, DONOR, options=ALLOWED)
    similar = await ask(offering.stub, AGAIN, options=ALLOWED)
    exact = await ask(offering.stub, AGAIN)

    assert similar.header.feature_key == first.header.feature_key
    assert exact.bytes_wanted
    assert exact.header.source == COMPUTED
    assert exact.header.feature_key != first.header.feature_key
    assert not exact.header.HasField("similar_distance")


async def test_picture_sent_without_permission_is_no_donor(offering):
    await ask(offering.stub, DONOR)
    second = await ask(offering.stub, AGAIN, options=ALLOWED)

    assert second.header.source == COMPUTED


async def test_own_features_are_preferred_once_they_exist(offering):
    await ask(offering.stub, DONOR, options=ALLOWED)
    await ask(offering.stub, AGAIN, options=ALLOWED)
    exact = await ask(offering.stub, AGAIN)
    again = await ask(offering.stub, AGAIN, options=ALLOWED)

    assert again.header.source == MEMORY
    assert again.header.feature_key == exact.header.feature_key


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": "tenant"},
        {"options": media_pb2.MediaOptions(similar_allowed=True, max_pixel_count=56 * 56)},
        {"options": media_pb2.MediaOptions(similar_allowed=True, min_pixel_count=200 * 200)},
        {"options": media_pb2.MediaOptions(similar_allowed=True, tiling=media_pb2.TILING_TILED)},
    ],
    ids=["salt", "pixel budget", "lower bound", "tiling"],
)
async def test_scopes_never_share_a_donor(offering, changes):
    await ask(offering.stub, DONOR, options=ALLOWED)
    other = await ask(offering.stub, AGAIN, **{"options": ALLOWED, **changes})

    assert other.header.source == COMPUTED
    assert await forward_count(offering) == 2


@pytest.mark.parametrize("text", ["Total 1,285.50", "Total 1,284.60", "Total 1.284.50"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_one_changed_character_never_matches(offering, text, kind):
    await ask(offering.stub, DONOR, options=ALLOWED)
    other = await ask(offering.stub, encoded(page(text), kind, quality=75), options=ALLOWED)

    assert other.header.source == COMPUTED


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.05, 1.1])
async def test_resized_picture_takes_the_donors_grid_with_its_features(offering, factor):
    first = await ask(offering.stub, DONOR, options=ALLOWED)
    size = round(280 * factor), round(196 * factor)
    resized = encoded(page().resize(size, Image.Resampling.BICUBIC))
    second = await ask(offering.stub, resized, options=ALLOWED)

    assert second.header.source == SIMILAR
    assert second.header.grid == first.header.grid
    assert second.header.token_count == first.header.token_count
    assert (second.header.width, second.header.height) == (280, 196)


@pytest.mark.parametrize("size", [(350, 245), (280, 245), (196, 280)])
async def test_much_larger_stretched_or_turned_picture_does_not_match(offering, size):
    await ask(offering.stub, DONOR, options=ALLOWED)
    other = await ask(offering.stub, encoded(page().resize(size)), options=ALLOWED)

    assert other.header.source == COMPUTED


async def test_donor_whose_features_are_gone_is_a_miss_and_forgotten(offering):
    await ask(offering.stub, DONOR, options=ALLOWED)
    offering.encoder.cache.evict()
    second = await ask(offering.stub, AGAIN, options=ALLOWED)

    assert second.header.source == COMPUTED
    assert len(offering.encoder.similar.index) == 0


async def test_recalled_donor_whose_features_are_gone_is_a_miss(offering):
    await ask(offering.stub, DONOR, options=ALLOWED)
    await ask(offering.stub, AGAIN, options=ALLOWED)
    offering.encoder.cache.evict()
    third = await ask(offering.stub, AGAIN, options=ALLOWED)

    assert third.bytes_wanted
    assert third.header.source == COMPUTED


async def test_evicted_features_take_their_donor_with_them(offering):
    first = await ask(offering.stub, DONOR, options=ALLOWED)
    assert len(offering.encoder.similar.index) == 1
    keys = [first.header.feature_key]
    await offering.stub.EvictFeatures(encoder_pb2.EvictFeaturesRequest(feature_keys=keys))

    assert len(offering.encoder.similar.index) == 0


async def test_likeness_is_not_passed_on(offering):
    """A picture that took a donor's features donates nothing itself."""
    await ask(offering.stub, DONOR, options=ALLOWED)
    await ask(offering.stub, AGAIN, options=ALLOWED)

    assert len(offering.encoder.similar.index) == 1


async def test_answers_and_spared_time_are_counted_as_similar(offering):
    await ask(offering.stub, DONOR, options=ALLOWED)
    for _ in range(2):
        await ask(offering.stub, AGAIN, options=ALLOWED)
    statistics = await offering.stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())

    counts = {count.source: count.answer_count for count in statistics.source_counts}
    assert counts == {COMPUTED: 1, SIMILAR: 2}
    assert statistics.saved_time.ToNanoseconds() > 0


async def test_similar_pictures_at_once_wait_for_one_forward_pass(offering):
    files = [encoded(page(), "JPEG", quality=quality) for quality in range(80, 96)]
    answers = await asyncio.gather(
        *(ask(offering.stub, data, options=ALLOWED) for data in files for _ in range(2))
    )

    assert len({answer.header.feature_key for answer in answers}) <= 2
    assert await forward_count(offering) <= 2  # two searches run at a time
    assert {answer.header.source for answer in answers} <= {COMPUTED, MEMORY, SIMILAR}


async def test_who_did_not_allow_it_never_joins_a_search(offering):
    await ask(offering.stub, DONOR, options=ALLOWED)
    both = await asyncio.gather(
        *(ask(offering.stub, AGAIN, options=options) for options in [ALLOWED, None] * 8)
    )

    exact = [answer.header for answer in both[1::2]]
    assert not any(header.HasField("similar_distance") for header in exact)
    assert len({header.feature_key for header in exact}) == 1
    assert exact[0].feature_key != (await ask(offering.stub, DONOR)).header.feature_key


async def test_donor_whose_computation_fails_costs_its_finder_nothing(offering, monkeypatch):
    gate = asyncio.Event()
    submit = offering.encoder._batcher.submit
    fail = [True]

    async def failing(*job):
        if fail:
            fail.clear()
            await gate.wait()
            raise EngineFailedError("The vision tower failed on this picture.")
        return await submit(*job)

    monkeypatch.setattr(offering.encoder._batcher, "submit", failing)
    first = asyncio.create_task(refusal(ask(offering.stub, DONOR, options=ALLOWED)))
    await until(lambda: not fail)
    second = asyncio.create_task(ask(offering.stub, AGAIN, options=ALLOWED))
    await until(lambda: offering.encoder._flights.num_waiting == 2)
    gate.set()

    assert (await first)[1].reason == "ENGINE_FAILED"
    assert (await second).header.source == COMPUTED


async def test_unreadable_file_is_refused_as_ever(offering):
    code, error = await refusal(ask(offering.stub, DONOR[:-20], options=ALLOWED))

    assert (code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MEDIA_UNREADABLE")
    assert len(offering.encoder.similar.index) == 0


async def test_encoder_that_does_not_offer_it_refuses_by_name(served):
    code, error = await refusal(ask(served.stub, DONOR, options=ALLOWED))

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert (error.reason, error.field) == (
        "PARAMETER_UNSUPPORTED",
        "header.options.similar_allowed",
    )


async def test_comparison_is_bounded_and_never_below_what_the_model_sees(tiny_model):
    wide = encoded(Image.fromarray(np.zeros((1500, 2000), np.uint8)))
    preprocessor = tiny_model.preprocessor
    small = preprocessor.look(wide, preprocessor.pixel_budget())
    large = preprocessor.look(wide, type(preprocessor.pixel_budget())(2, 2 * 2_500_000))

    assert 2_090_000 < small.luma.size <= 2_100_000
    assert 2_490_000 < large.luma.size <= 2_510_000
    assert (small.width, small.height) == (2000, 1500)
