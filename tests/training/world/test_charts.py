from __future__ import annotations

from random import Random

import pytest

from training.world.charts import (
    CHART_KINDS,
    FEWEST_VALUES,
    LEAST_LEAD,
    MOST_VALUES,
    SMALLEST_SLICE,
    Chart,
    draw_chart,
    stands_out,
)


@pytest.fixture(scope="module")
def charts() -> list[Chart]:
    return [draw_chart(Random(f"chart {seed}"), script="latin") for seed in range(500)]


def test_all_kinds_and_counts_are_drawn(charts: list[Chart]) -> None:
    assert {chart.kind for chart in charts} == set(CHART_KINDS)
    counts = {len(chart.values) for chart in charts}
    assert counts == set(range(FEWEST_VALUES, MOST_VALUES + 1))


def test_labels_are_distinct_and_one_for_each_value(charts: list[Chart]) -> None:
    for chart in charts:
        assert len(set(chart.labels)) == len(chart.labels) == len(chart.values)


def test_largest_and_smallest_lead_clearly(charts: list[Chart]) -> None:
    for chart in charts:
        ordered = sorted(chart.values)
        assert chart.values[chart.largest] == ordered[-1] > ordered[-2]
        assert chart.values[chart.smallest] == ordered[0] < ordered[1]
        assert ordered[-1] - ordered[-2] >= LEAST_LEAD * ordered[-1]


def test_slices_make_a_whole_and_are_wide_enough(charts: list[Chart]) -> None:
    for chart in charts:
        if chart.kind == "pie":
            assert sum(chart.values) == 100
            assert min(chart.values) >= 100 * SMALLEST_SLICE


@pytest.mark.parametrize("values", [(5, 5, 1), (9, 1, 1), (100, 95, 2), (2, 2)])
def test_a_tie_does_not_stand_out(values: tuple[int, ...]) -> None:
    assert not stands_out(values, LEAST_LEAD)


def test_a_lead_stands_out() -> None:
    assert stands_out((100, 80, 2), LEAST_LEAD)


def test_values_are_printed_with_their_unit() -> None:
    assert Chart("bar", "T", ("a", "b"), (3, 12), "%").value(1) == "12%"
