import pytest

from benchmarks.measure import median, percentile, table


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentile_is_the_nearest_rank(percent, expected):
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_p99_of_few_values_is_the_largest():
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_percentile_of_one_value_is_that_value():
    assert percentile([7.0], 0) == percentile([7.0], 99) == 7.0


def test_percentile_is_always_a_value_that_was_measured():
    assert percentile([1.0, 10.0], 50) == 1.0


def test_median_of_an_even_number_of_values_is_the_middle():
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5


def test_table_is_markdown():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
