"""Dashboard, alerts and autoscalers ask for metrics that exist."""

import json
import re
from pathlib import Path

import pytest

from tests.docs.registries import REGISTRIES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MONITORING = DEPLOY / "k8s" / "components" / "monitoring"
SHARED = re.compile(r"\b(?:grpc_server|http|process)_[a-z0-9_]+(?!\w)(?:\{([^}]*)\})?")
METRIC = re.compile(r"\b(?:sightline|grpc_server|http|process)_[a-z0-9_]+\b")


def existing_samples():
    """Returns every name that a query may have."""
    names = set()
    for make in REGISTRIES.values():
        for family in make().collect():
            if family.type == "counter":
                names.add(f"{family.name}_total")
            elif family.type == "histogram":
                names |= {family.name + suffix for suffix in ("_bucket", "_sum", "_count")}
            else:
                names.add(family.name)
    return names


def pages():
    return [path for kind in ("yaml", "json") for path in sorted(DEPLOY.rglob(f"*.{kind}"))]


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_metric_that_is_asked_for_exists(page):
    assert set(METRIC.findall(page.read_text())) <= existing_samples()


@pytest.mark.parametrize("page", ["dashboard.json", "prometheusrule.yaml"])
def test_metrics_that_others_have_too_are_asked_for_as_ours(page):
    """A cluster's other services count RPCs and HTTP requests by these names."""
    selectors = SHARED.findall((MONITORING / page).read_text())
    assert selectors
    assert all("sightline" in selector for selector in selectors)


def test_dashboard_shows_most_of_what_there_is_and_every_panel_asks_once():
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in panels:
        assert panel["targets"], panel["title"]
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len(set(places)) == len(places)
    assert len(METRIC.findall(json.dumps(dashboard))) > 40


def test_alerts_say_what_is_wrong():
    page = (MONITORING / "prometheusrule.yaml").read_text()
    alerts = re.findall(r"- alert: (\w+)", page)
    assert len(set(alerts)) == len(alerts) >= 8
    assert page.count("summary:") == page.count("severity:") == page.count("expr:") == len(alerts)
