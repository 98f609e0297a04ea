"""Manifests: what schemas check, and what they miss."""

from __future__ import annotations

import copy
import importlib
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from sightline_common.config import setting_specs
from sightline_common.malloc import MALLOC_VARIABLES
from sightline_web.pdf.rasterizer import PdfLimits

from tests.deploy.manifests import CHECKED, Overlay, rendered

ROOT = Path(__file__).parents[2]
OLDEST, NEWEST = "1.34", "1.37"
SETTINGS = {
    "encoder": ("sightline_encoder.config", "EncoderSettings"),
    "generator": ("sightline_generator.config", "GeneratorSettings"),
    "web": ("sightline_web.config", "WebSettings"),
}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGT]i?)?")


@pytest.fixture(scope="module", params=CHECKED)
def overlay(request: pytest.FixtureRequest) -> Overlay:
    return rendered(request.param)


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container.get("env", [])}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_schemas_accept_every_object(overlay: Overlay, version: str) -> None:
    for each in overlay.objects:
        if not each["apiVersion"].startswith("monitoring.coreos.com/"):  # its schemas are elsewhere
            kubernetes_validate.validate(each, version, strict=True)


def test_schemas_refuse_an_unknown_field(overlay: Overlay) -> None:
    broken = copy.deepcopy(overlay.of_kind("Deployment")[0])
    broken["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, NEWEST, strict=True)


def test_three_services_and_a_namespace_that_restricts_pods(overlay: Overlay) -> None:
    wanted = {"sightline-encoder", "sightline-generator", "sightline-web"}
    assert wanted <= overlay.names("Deployment")
    for kind in ("Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"):
        assert wanted <= overlay.names(kind), kind
    (namespace,) = overlay.of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_everything_lies_in_that_namespace(overlay: Overlay) -> None:
    placed = {each["metadata"].get("namespace") for each in overlay.objects}
    assert placed == {None, *overlay.names("Namespace")}  # it lies in none itself


def test_selectors_find_exactly_one_workload(overlay: Overlay) -> None:
    for each in overlay.of_kind("Deployment", "PodDisruptionBudget"):
        assert len(overlay.selected(each["spec"]["selector"])) == 1, each
    for each in overlay.of_kind("Service"):
        assert len(overlay.selected({"matchLabels": each["spec"]["selector"]})) == 1, each


def test_everything_that_runs_is_under_a_policy_of_its_own(overlay: Overlay) -> None:
    policies = [each["spec"]["podSelector"] for each in overlay.of_kind("NetworkPolicy")]
    own = [overlay.selected(each) for each in policies]
    for name, template in overlay.templates():
        assert [template] in own, name


def test_services_lead_to_ports_that_exist(overlay: Overlay) -> None:
    for service in overlay.of_kind("Service"):
        (template,) = overlay.selected({"matchLabels": service["spec"]["selector"]})
        ports = port_names(template)
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports


def port_names(template: dict[str, Any]) -> set[str]:
    containers = template["spec"]["containers"]
    return {port["name"] for each in containers for port in each.get("ports", [])}


def test_policies_name_peers_and_ports_that_exist(overlay: Overlay) -> None:
    for policy in overlay.of_kind("NetworkPolicy"):
        spec = policy["spec"]
        for rule in spec.get("ingress", []):
            check_rule(overlay, rule, "from", overlay.selected(spec["podSelector"]))
        for rule in spec.get("egress", []):
            check_rule(overlay, rule, "to", None)


def check_rule(
    overlay: Overlay, rule: dict[str, Any], side: str, servers: list[dict[str, Any]] | None
) -> None:
    """Peers are pods of ours or of other namespaces, and named ports those of whoever is called."""
    peers = [peer for peer in rule.get(side, []) if "namespaceSelector" not in peer]
    found = [template for peer in peers for template in overlay.selected(peer["podSelector"])]
    assert len(found) == len(peers)
    for port in rule["ports"]:
        if isinstance(port["port"], str):
            assert all(port["port"] in port_names(each) for each in servers or found)


def test_each_hop_that_a_setting_names_is_open(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        for value in environment(container).values():
            for host in re.findall(r"//(sightline-\w+):\d+", value):
                assert host in overlay.names("Service"), (name, value)
                assert can_reach(overlay, name, host), (name, host)


def can_reach(overlay: Overlay, caller: str, callee: str) -> bool:
    """Whether the caller's policies let it out, and the callee's let it in."""
    labels = {name: each["metadata"]["labels"] for name, each in overlay.templates()}
    out, into = (
        any(
            peer["podSelector"]["matchLabels"].items() <= labels[other].items()
            for policy in overlay.of_kind("NetworkPolicy")
            if policy["spec"]["podSelector"]["matchLabels"].items() <= labels[own].items()
            for rule in policy["spec"].get(direction, [])
            for peer in rule.get(side, [])
        )
        for own, other, direction, side in (
            (caller, callee, "egress", "to"),
            (callee, caller, "ingress", "from"),
        )
    )
    return out and into


def test_mounts_and_claims_resolve(overlay: Overlay) -> None:
    for name, template in overlay.templates():
        volumes = {each["name"]: each for each in template["spec"].get("volumes", [])}
        for container in template["spec"]["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} == set(volumes), name
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert claim in overlay.names("PersistentVolumeClaim")


def test_service_accounts_exist_and_bring_no_token(overlay: Overlay) -> None:
    for name, template in overlay.templates():
        assert template["spec"]["serviceAccountName"] in overlay.names("ServiceAccount"), name
        assert template["spec"]["automountServiceAccountToken"] is False


def test_every_setting_exists_in_its_service(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        service = name.removeprefix("sightline-")
        if service in SETTINGS:
            given = {key for key in environment(container) if key.startswith("SIGHTLINE_")}
            assert given <= setting_names(service), name


def setting_names(service: str) -> set[str]:
    module, kind = SETTINGS[service]
    settings = getattr(importlib.import_module(module), kind)
    return {spec.variable for spec, _default in setting_specs(settings)}


def test_values_are_text_and_quantities_parse(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        for each in container.get("env", []):
            assert "valueFrom" in each or isinstance(each["value"], str), (name, each)
        for side in ("requests", "limits"):
            for quantity in container["resources"][side].values():
                assert QUANTITY.fullmatch(quantity), (name, quantity)


def test_web_has_room_for_the_pdfs_that_are_drawn_at_once(overlay: Overlay) -> None:
    drawn = PdfLimits()
    for name, container in overlay.containers():
        if name == "sightline-web":
            memory = container["resources"]["limits"]["memory"]
            given = int(memory.removesuffix("Gi")) * 2**30
            assert given >= 2**30 + drawn.num_workers * drawn.memory_bytes


def test_malloc_variables_come_together_where_tensors_are_sent(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        if name in {"sightline-encoder", "sightline-generator"}:
            assert environment(container).items() >= MALLOC_VARIABLES.items(), name


def test_threads_are_those_of_the_cpu_limit(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        given = environment(container)
        if "OMP_NUM_THREADS" in given:
            assert given["OMP_NUM_THREADS"] == container["resources"]["limits"]["cpu"], name
            (own,) = (value for key, value in given.items() if key.endswith("R_THREADS"))
            assert own == given["OMP_NUM_THREADS"], name


def test_pods_outlive_their_drain(overlay: Overlay) -> None:
    for name, template in overlay.templates():
        for container in template["spec"]["containers"]:
            drains = [int(v) for k, v in environment(container).items() if k.endswith("_DRAIN_S")]
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
            for drain in drains:
                wanted = pause["seconds"] + drain
                assert template["spec"]["terminationGracePeriodSeconds"] > wanted, name


def test_probes_ask_ports_that_exist(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        ports = {port["containerPort"] for port in container.get("ports", [])}
        names = {port["name"] for port in container.get("ports", [])}
        probes = [container[key] for key in container if key.endswith("Probe")]
        assert probes or name == "sightline-weights"
        for probe in probes:
            (asked,) = (probe[kind] for kind in ("grpc", "httpGet", "tcpSocket") if kind in probe)
            assert asked["port"] in ports | names, name


def test_kubelet_asks_a_port_without_tls(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        given = environment(container)
        asked = {container[key]["grpc"]["port"] for key in container if "grpc" in container[key]}
        if "SIGHTLINE_TLS_CERT" in given and asked:
            service = name.removeprefix("sightline-").upper()
            assert {str(port) for port in asked} == {given[f"SIGHTLINE_{service}_HEALTH_PORT"]}


def test_certificates_lie_where_settings_say(overlay: Overlay) -> None:
    for name, template in overlay.templates():
        secrets = {each["name"] for each in template["spec"].get("volumes", []) if "secret" in each}
        for container in template["spec"]["containers"]:
            given = environment(container)
            paths = [value for key, value in given.items() if key.startswith("SIGHTLINE_TLS_")]
            folders = {
                each["mountPath"] for each in container["volumeMounts"] if each["name"] in secrets
            }
            assert {str(Path(path).parent) for path in paths} <= folders, name


def test_who_is_called_over_tls_serves_it(overlay: Overlay) -> None:
    """And whoever asks for certificates is called by holders of one."""
    given = {name: environment(container) for name, container in overlay.containers()}
    for caller, own in given.items():
        for value in own.values():
            for host in re.findall(r"//(sightline-\w+):\d+", value):
                asks = "SIGHTLINE_TLS_CERT" in given[host]
                assert asks == ("SIGHTLINE_TLS_CA" in own), (caller, host)
                assert ("SIGHTLINE_TLS_CLIENT_CA" in given[host]) <= ("SIGHTLINE_TLS_CERT" in own)


def test_collector_of_traces_can_be_reached(overlay: Overlay) -> None:
    for name, template in overlay.templates():
        (container,) = template["spec"]["containers"]
        endpoint = environment(container).get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        if endpoint:
            assert environment(container)["SIGHTLINE_TRACES"] == "otlp"
            assert int(endpoint.rpartition(":")[2]) in ports_to_anywhere(overlay, template), name


def ports_to_anywhere(overlay: Overlay, template: dict[str, Any]) -> set[Any]:
    return {
        port["port"]
        for policy in overlay.of_kind("NetworkPolicy")
        if template in overlay.selected(policy["spec"]["podSelector"])
        for rule in policy["spec"].get("egress", [])
        if "to" not in rule
        for port in rule["ports"]
    }


def test_autoscaled_deployments_leave_their_number_to_the_autoscaler(overlay: Overlay) -> None:
    for scaler in overlay.of_kind("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        (deployment,) = (
            each for each in overlay.of_kind("Deployment") if each["metadata"]["name"] == target
        )
        assert "replicas" not in deployment["spec"]


def test_no_name_or_label_is_a_boolean_to_a_yaml_1_1_reader(overlay: Overlay) -> None:
    for each in overlay.objects:
        texts = [each["metadata"]["name"], *each["metadata"].get("labels", {}).values()]
        assert all(isinstance(text, str) for text in texts)
        assert not {text.lower() for text in texts} & {"y", "n", "yes", "no", "on", "off"}


def test_autoscalers_read_metrics_that_are_documented(overlay: Overlay) -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    for scaler in overlay.of_kind("HorizontalPodAutoscaler"):
        for each in scaler["spec"]["metrics"]:
            assert f"| `{each['pods']['metric']['name']}` |" in page
