"""Questions about charts and their true answers."""

from __future__ import annotations

from random import Random

from training.talk.chart_phrases import CHARTS
from training.talk.exchange import Exchange
from training.talk.language import Language
from training.talk.wording import Maker, Wording, converse_with
from training.world.alphabet import script_of
from training.world.charts import LEAST_LEAD, Chart
from training.world.wordlists import LABELS

ABSENT_SHARE = 0.12
PARTS = {"bar": "bars", "line": "points", "pie": "slices"}


def largest(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    return extreme(rng, chart, wording, "largest", chart.largest)


def smallest(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    return extreme(rng, chart, wording, "smallest", chart.smallest)


def extreme(rng: Random, chart: Chart, wording: Wording, topic: str, index: int) -> Exchange:
    """With its value where that is printed."""
    if chart.shown:
        answer = wording.say(topic, chart.labels[index], chart.value(index))
    else:
        answer = wording.say("label alone", chart.labels[index])
    return Exchange(topic, wording.ask(rng, topic), answer)


def value(rng: Random, chart: Chart, wording: Wording) -> Exchange | None:
    if rng.random() < ABSENT_SHARE:
        return absent(rng, chart, wording)
    if not chart.shown:
        return None
    index = rng.randrange(len(chart.labels))
    label = chart.labels[index]
    answer = wording.say("value", label, chart.value(index))
    return Exchange("value", wording.ask(rng, "value", label), answer)


def absent(rng: Random, chart: Chart, wording: Wording) -> Exchange | None:
    """About a label of the same family that the chart does not have."""
    family = next(
        family for family in LABELS[script_of(chart.labels[0])] if set(chart.labels) <= set(family)
    )
    others = [label for label in family if label not in chart.labels]
    if not others:
        return None
    label = rng.choice(others)
    return Exchange("value", wording.ask(rng, "value", label), wording.say("no label", label))


def more(rng: Random, chart: Chart, wording: Wording) -> Exchange | None:
    one, other = rng.sample(range(len(chart.labels)), 2)
    values = chart.values
    if abs(values[one] - values[other]) < max(1.0, LEAST_LEAD * max(values)):
        return None
    answer = chart.labels[one if values[one] > values[other] else other]
    question = wording.ask(rng, "more", chart.labels[one], chart.labels[other])
    return Exchange("more", question, wording.say("label alone", answer))


def title(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    question = wording.ask(rng, "chart title")
    return Exchange("chart title", question, chart.title, spelt=(chart.title,))


def count(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    topic = rng.choice(("chart count", PARTS[chart.kind]))
    answer = wording.say(topic, wording.number(len(chart.values)))
    return Exchange("chart count", wording.ask(rng, topic), answer)


def kind(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    answer = wording.say("kind", wording.say(chart.kind))
    return Exchange("chart kind", wording.ask(rng, "chart kind"), answer)


def labels(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    answer = wording.say("labels", wording.list(chart.labels))
    return Exchange("labels", wording.ask(rng, "labels"), answer)


def describe(rng: Random, chart: Chart, wording: Wording) -> Exchange:
    parts = [
        f"{label} {chart.value(index)}" if chart.shown else label
        for index, label in enumerate(chart.labels)
    ]
    answer = wording.say("described", wording.say(chart.kind), chart.title, wording.list(parts))
    return Exchange("describe", wording.ask(rng, "describe"), answer)


MAKERS: tuple[tuple[Maker[Chart], float], ...] = (
    (largest, 2.0),
    (smallest, 2.0),
    (value, 4.0),
    (more, 1.0),
    (title, 1.5),
    (count, 1.0),
    (kind, 0.8),
    (labels, 0.5),
    (describe, 0.5),
)


def converse_about_chart(
    rng: Random, chart: Chart, number: int, language: Language
) -> list[Exchange]:
    """Up to `number` exchanges, none twice."""
    return converse_with(rng, chart, number, CHARTS[language], MAKERS)


def think_about_chart(chart: Chart, language: Language) -> str:
    """One short true sentence."""
    wording = CHARTS[language]
    return wording.say("thought", wording.say(chart.kind), chart.title)
