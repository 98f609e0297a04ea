from __future__ import annotations

from collections.abc import Iterable
from random import Random

from training.talk import charttalk
from training.talk.chart_phrases import CHARTS
from training.talk.language import LANGUAGES, Language
from training.world.charts import Chart, draw_chart

CHART = Chart("bar", "Sales", ("Jan", "Feb", "Mar"), (10, 40, 25), "%")
HIDDEN = Chart("line", "Sales", ("Jan", "Feb", "Mar"), (10, 40, 25), shown=False)
SEEDS = range(150)


def answers(
    maker: charttalk.Maker, chart: Chart = CHART, language: Language = "en"
) -> Iterable[str]:
    asked = (maker(Random(seed), chart, CHARTS[language]) for seed in SEEDS)
    return {exchange.answer for exchange in asked if exchange is not None}


def test_extremes_come_with_their_value() -> None:
    assert answers(charttalk.largest) == {"Feb, with 40%."}
    assert answers(charttalk.smallest) == {"Jan, with 10%."}
    assert answers(charttalk.smallest, CHART, "zh") == {"Jan，数值是10%。"}


def test_values_that_are_not_printed_are_not_answered() -> None:
    assert answers(charttalk.largest, HIDDEN) == {"Feb."}
    assert all("no" in answer for answer in answers(charttalk.value, HIDDEN))


def test_value_is_that_of_the_label_asked_for() -> None:
    for seed in SEEDS:
        asked = charttalk.value(Random(seed), CHART, CHARTS["en"])
        assert asked is not None
        label = next((label for label in CHART.labels if label in asked.question), None)
        if label is None:
            assert asked.answer.startswith("There is no ")
        else:
            value = CHART.value(CHART.labels.index(label))
            assert asked.answer == f"The value of {label} is {value}."


def test_the_larger_of_two_is_named() -> None:
    for seed in SEEDS:
        asked = charttalk.more(Random(seed), CHART, CHARTS["en"])
        assert asked is not None
        named = [label for label in CHART.labels if label in asked.question]
        values = {label: CHART.values[CHART.labels.index(label)] for label in named}
        assert asked.answer == f"{max(values, key=values.__getitem__)}."


def test_near_values_are_not_compared() -> None:
    near = Chart("bar", "Sales", ("Jan", "Feb"), (50, 50))
    assert answers(charttalk.more, near) == set()


def test_kind_title_and_number_are_those_of_the_chart() -> None:
    assert answers(charttalk.kind) == {"A bar chart."}
    assert answers(charttalk.kind, CHART, "zh") == {"柱状图。"}
    assert answers(charttalk.title) == {"Sales"}
    assert answers(charttalk.count) == {"There are three values.", "There are three bars."}
    assert answers(charttalk.labels) == {"Jan, Feb and Mar."}


def test_description_names_everything() -> None:
    assert answers(charttalk.describe) == {
        'A bar chart with the title "Sales": Jan 10%, Feb 40% and Mar 25%.'
    }


def test_conversations_fill_every_gap_in_both_languages() -> None:
    for seed in range(60):
        chart = draw_chart(Random(seed))
        for language in LANGUAGES:
            talked = charttalk.converse_about_chart(Random(seed), chart, 4, language)
            assert len(talked) == 4
            for exchange in talked:
                assert not set("{}") & set(exchange.question + exchange.answer)
                assert all(part in exchange.answer for part in exchange.spelt)


def test_thought_names_kind_and_title() -> None:
    thought = charttalk.think_about_chart(CHART, "en")
    assert thought == 'The picture shows a bar chart with the title "Sales".'


def test_both_languages_have_the_same_topics_and_answers() -> None:
    assert CHARTS["en"].questions.keys() == CHARTS["zh"].questions.keys()
    assert CHARTS["en"].answers.keys() == CHARTS["zh"].answers.keys()
