"""What is measured becomes rates, shares and lines."""

from __future__ import annotations

import pytest
from sightline.encoder.v1 import encoder_pb2
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.errors import NotReadyError
from sightline_web.operators.plot import HEIGHT, MARGIN, WIDTH, Plot
from sightline_web.operators.sample import Sample, are_mixed, rates_of
from sightline_web.operators.sampler import NUM_SAMPLES, Sampler

from tests.web.fakes import FakeGenerator

MEMORY, COMPUTED = media_pb2.FEATURE_SOURCE_MEMORY, media_pb2.FEATURE_SOURCE_COMPUTED


def sample(
    time_s: float,
    *,
    tokens: int = 0,
    queries: int = 0,
    hits: int = 0,
    memory: int = 0,
    made: int = 0,
) -> Sample:
    counts = [
        encoder_pb2.SourceCount(source=MEMORY, answer_count=memory),
        encoder_pb2.SourceCount(source=COMPUTED, answer_count=made),
    ]
    cache = encoder_pb2.GetCacheStatisticsResponse(source_counts=counts)
    return Sample(
        time_s,
        time_s,
        generator_pb2.GetLoadResponse(
            running_count=3, waiting_count=2, block_count=100, free_block_count=75
        ),
        generator_pb2.GetStatisticsResponse(
            generated_token_count=tokens,
            prompt_token_count=2 * tokens,
            prefix_query_token_count=queries,
            prefix_hit_token_count=hits,
            encoders=[generator_pb2.EncoderReport(target="a:1", available=True, cache=cache)],
        ),
    )


def test_rates_are_what_counts_grew_by() -> None:
    before = sample(10, tokens=100, queries=1000, hits=900, memory=5, made=5)
    after = sample(15, tokens=200, queries=1200, hits=1000, memory=8, made=6)
    (rates,) = rates_of([before, after])
    assert rates.generated_tokens == 20 and rates.prompt_tokens == 40
    assert (rates.running, rates.waiting, rates.kv_use) == (3, 2, 0.25)
    assert rates.prefix_hits == 0.5 and rates.feature_hits == 0.75


def test_nothing_asked_is_no_share_at_all() -> None:
    (rates,) = rates_of([sample(0), sample(5)])
    assert rates.generated_tokens == 0
    assert rates.prefix_hits is None and rates.feature_hits is None


def test_service_that_was_started_anew_leaves_a_gap() -> None:
    before = sample(0, tokens=500, queries=500, hits=400, memory=9, made=9)
    (rates,) = rates_of([before, sample(5, tokens=10, queries=10, hits=1)])
    assert rates.generated_tokens is None and rates.prefix_hits is None
    assert rates.feature_hits is None
    assert rates.running == 3


def test_service_that_is_away_leaves_a_gap() -> None:
    rates = rates_of([sample(0), Sample(5, 5), sample(10)])
    assert [each.running for each in rates] == [None, 3]
    assert [each.generated_tokens for each in rates] == [None, None]


async def test_ring_is_bounded_and_failures_are_samples_too() -> None:
    generator = FakeGenerator()
    sampler = Sampler(generator)
    for _ in range(NUM_SAMPLES + 5):
        await sampler.take()
    generator.info_error = NotReadyError("away")
    await sampler.take()
    assert len(sampler.samples) == NUM_SAMPLES
    assert sampler.samples[-1].load is None and sampler.samples[-2].load is not None


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ([], []),
        ([None, None], []),
        ([0.0, 1.0], [f"0.0,{HEIGHT - MARGIN} {WIDTH},{MARGIN}"]),
        ([0.0, 0.0], [f"0.0,{HEIGHT - MARGIN} {WIDTH},{HEIGHT - MARGIN}"]),
        ([1.0, None, 1.0], [f"0.0,{MARGIN} 0.0,{MARGIN}", f"{WIDTH},{MARGIN} {WIDTH},{MARGIN}"]),
    ],
)
def test_line_has_a_piece_for_each_stretch(values: list[float | None], lines: list[str]) -> None:
    assert Plot("x", values, str).lines == lines


def test_line_stays_inside_its_picture() -> None:
    points = " ".join(Plot("x", [5.0, 0.5, 2.0], str, top=1.0).lines).split()
    assert all(MARGIN <= float(point.split(",")[1]) <= HEIGHT - MARGIN for point in points)


def test_line_says_in_words_what_it_shows() -> None:
    assert Plot("Running", [1.0, None, 4.0, 2.0], "{:.0f}".format).summary == (
        "Running: now 2, from 1 to 4."
    )
    assert Plot("Running", [None], "{:.0f}".format).summary == "Running: nothing is known yet."


def test_several_generators_in_turn_have_no_rates_and_one_anew_has() -> None:
    in_turn = [sample(5.0 * index, tokens=(100, 900)[index % 2] + index) for index in range(6)]
    assert are_mixed(in_turn)
    rates = rates_of(in_turn)
    assert {each.generated_tokens for each in rates} == {None}
    assert {each.running for each in rates} == {3}
    anew = [sample(0, tokens=500), sample(5, tokens=10), sample(10, tokens=20)]
    assert not are_mixed(anew)
    assert rates_of(anew)[-1].generated_tokens == 2
