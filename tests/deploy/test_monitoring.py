"""The monitoring component, in plaintext and with the component tls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import Overlay, rendered

SERVICES = {"encoder", "generator", "web"}
TLS_VARIABLES = {"SIGHTLINE_TLS_CERT", "SIGHTLINE_TLS_CLIENT_CA"}
PROMETHEUS_CERTIFICATE = {
    "ca": {"secret": {"name": "sightline-prometheus-tls", "key": "ca.crt"}},
    "cert": {"secret": {"name": "sightline-prometheus-tls", "key": "tls.crt"}},
    "keySecret": {"name": "sightline-prometheus-tls", "key": "tls.key"},
}


@pytest.fixture(scope="module", params=["cpu-demo+monitoring", "ha+tls"])
def overlay(request: pytest.FixtureRequest) -> Overlay:
    return rendered(request.param)


def name_of(template: dict[str, Any]) -> str:
    return str(template["metadata"]["labels"]["app.kubernetes.io/name"])


def test_every_service_shows_its_page_on_a_named_port(overlay: Overlay) -> None:
    services = {name.removeprefix("sightline-"): each for name, each in overlay.containers()}
    for service in SERVICES:
        ports = {port["name"]: port["containerPort"] for port in services[service]["ports"]}
        environment = {each["name"]: each.get("value") for each in services[service]["env"]}
        assert environment[f"SIGHTLINE_{service.upper()}_METRICS_PORT"] == str(ports["metrics"])


def test_monitors_and_policy_find_all_services_and_the_port(overlay: Overlay) -> None:
    selectors = [each["spec"]["selector"] for each in overlay.of_kind("PodMonitor")]
    found = [overlay.selected(selector) for selector in selectors]
    assert [len(templates) for templates in found] == [1, 1, 1]
    assert {name_of(template) for (template,) in found} == SERVICES
    policies = {each["metadata"]["name"]: each for each in overlay.of_kind("NetworkPolicy")}
    policy = policies["sightline-metrics"]["spec"]
    assert {name_of(each) for each in overlay.selected(policy["podSelector"])} == SERVICES
    assert policy["ingress"][0]["ports"] == [{"port": "metrics"}]


def test_pages_are_read_as_they_are_served(overlay: Overlay) -> None:
    """Over TLS: with a certificate of Prometheus' own, and by the name that the page shows."""
    for monitor in overlay.of_kind("PodMonitor"):
        (template,) = overlay.selected(monitor["spec"]["selector"])
        (container,) = template["spec"]["containers"]
        served = {each["name"] for each in container["env"]} & TLS_VARIABLES
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] == "metrics"
        assert endpoint.get("scheme", "http") == ("https" if served else "http")
        assert served in (set(), TLS_VARIABLES)
        shown = {"serverName": f"sightline-{name_of(template)}", **PROMETHEUS_CERTIFICATE}
        assert endpoint.get("tlsConfig") == (shown if served else None)


def test_dashboard_comes_as_grafanas_sidecar_wants_it(overlay: Overlay) -> None:
    maps = {each["metadata"]["name"]: each for each in overlay.of_kind("ConfigMap")}
    dashboard = maps["sightline-dashboard"]
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert yaml.safe_load(dashboard["data"]["dashboard.json"])["title"] == "Sightline"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_understands_every_alert(overlay: Overlay, tmp_path: Path) -> None:
    (rules,) = overlay.of_kind("PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yaml")], check=True)
