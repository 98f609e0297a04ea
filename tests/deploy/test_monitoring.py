"""The monitoring component, upon the overlay for CPUs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import Overlay, rendered

SERVICES = {"encoder", "generator", "web"}


@pytest.fixture(scope="module")
def overlay() -> Overlay:
    return rendered("cpu-demo+monitoring")


def found_by(selector: dict[str, Any], overlay: Overlay) -> set[str]:
    """Returns the names of the pods that a selector with `In` expressions finds."""
    (names,) = [each["values"] for each in selector["matchExpressions"]]
    templates = overlay.selected(selector)
    labels = [template["metadata"]["labels"]["app.kubernetes.io/name"] for template in templates]
    return {name for name in labels if name in names}


def test_every_service_shows_its_page_on_a_named_port(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        environment = {each["name"]: each.get("value") for each in container["env"]}
        service = name.removeprefix("sightline-")
        assert environment[f"SIGHTLINE_{service.upper()}_METRICS_PORT"] == str(ports["metrics"])


def test_monitor_and_policy_find_all_services_and_the_port(overlay: Overlay) -> None:
    (monitor,) = overlay.of_kind("PodMonitor")
    assert found_by(monitor["spec"]["selector"], overlay) == SERVICES
    assert [each["port"] for each in monitor["spec"]["podMetricsEndpoints"]] == ["metrics"]
    policies = {each["metadata"]["name"]: each for each in overlay.of_kind("NetworkPolicy")}
    policy = policies["sightline-metrics"]["spec"]
    assert found_by(policy["podSelector"], overlay) == SERVICES
    assert policy["ingress"][0]["ports"] == [{"port": "metrics"}]


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
