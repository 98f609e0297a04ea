"""docs/metrics.md, beside what the services really show."""

import re
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.docs.registries import REGISTRIES

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.+) \|$", re.MULTILINE)
SUFFIXES = {"counter": "_total"}


def shown(registry):
    """Returns name, type and help of every family as a query has to write the name."""
    return {
        (family.name + SUFFIXES.get(family.type, ""), family.type, family.documentation)
        for family in registry.collect()
    }


def test_every_metric_is_documented_and_every_documented_one_exists():
    rows = ROW.findall((ROOT / "docs/metrics.md").read_text())
    documented = {(name, kind, meaning) for name, kind, _labels, meaning in rows}
    existing = set().union(*(shown(make()) for make in REGISTRIES.values()))
    assert documented == existing


@pytest.mark.parametrize("service", REGISTRIES)
def test_labels_are_documented(service):
    rows = ROW.findall((ROOT / "docs/metrics.md").read_text())
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, _, labels, _ in rows}
    for family in REGISTRIES[service]().collect():
        name = family.name + SUFFIXES.get(family.type, "")
        shown = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert not family.samples or shown == documented[name], name


@pytest.mark.parametrize("service", REGISTRIES)
def test_page_passes_both_parsers(service):
    registry = REGISTRIES[service]()
    assert list(parse_text(generate_latest(registry).decode()))
    families = list(parse_openmetrics(openmetrics.generate_latest(registry).decode()))
    assert {family.name for family in families} == {family.name for family in registry.collect()}


@pytest.mark.parametrize("service", ["encoder", "generator"])
def test_counters_begin_at_zero(service):
    """A rate sees no growth in a series that begins at 1."""
    for family in REGISTRIES[service]().collect():
        assert family.type != "counter" or family.samples, family.name


@pytest.mark.parametrize("service", REGISTRIES)
def test_names_are_prometheus_names(service):
    for family in REGISTRIES[service]().collect():
        assert re.fullmatch(r"(sightline|grpc_server|http|process)_[a-z0-9_]+", family.name)
        assert family.documentation.endswith("."), family.name
        assert not family.name.endswith(("_ms", "_count", "_sum", "_bucket")), family.name
