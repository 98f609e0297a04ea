"""Rendered overlays, as objects that tests can ask about.

`python -m tests.deploy.manifests` lists what is checked, and with a name renders it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy/k8s"
OVERLAYS = DEPLOY / "overlays"
NAMES = sorted(path.name for path in OVERLAYS.iterdir())


@dataclass(frozen=True)
class Overlay:
    """All objects that one overlay renders to."""

    objects: list[dict[str, Any]]

    def of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        return [each for each in self.objects if each["kind"] in kinds]

    def names(self, kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in self.of_kind(kind)}

    def workloads(self) -> list[dict[str, Any]]:
        return self.of_kind("Deployment", "Job")

    def templates(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields the name of a workload and its pods' template."""
        for each in self.workloads():
            yield each["metadata"]["name"], each["spec"]["template"]

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, template in self.templates():
            for container in template["spec"]["containers"]:
                yield name, container

    def selected(self, selector: dict[str, Any]) -> list[dict[str, Any]]:
        """Returns the templates whose pods a label selector finds."""
        found = [template for _name, template in self.templates()]
        return [each for each in found if _matches(selector, each["metadata"]["labels"])]


def _matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    chosen = (
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )
    return selector["matchLabels"].items() <= labels.items() and all(chosen)


def unused_components() -> list[str]:
    """Returns the components that no overlay of ours has."""
    pages = (yaml.safe_load((OVERLAYS / name / "kustomization.yaml").read_text()) for name in NAMES)
    used = {Path(path).name for page in pages for path in page.get("components", [])}
    return sorted({path.name for path in (DEPLOY / "components").iterdir()} - used)


def rendered(name: str) -> Overlay:
    """Renders an overlay, or one with components (`cpu-demo+tls`); skips without kubectl."""
    return Overlay(list(yaml.safe_load_all(rendered_text(name))))


@cache
def rendered_text(name: str) -> str:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    overlay, *components = name.split("+")
    with tempfile.TemporaryDirectory() as folder:
        page = {
            "namespace": "sightline",
            "resources": [os.path.relpath(OVERLAYS / overlay, folder)],
            "components": [
                os.path.relpath(DEPLOY / "components" / each, folder) for each in components
            ],
        }
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(page))
        command = ["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", folder]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# The component tls changes what the component monitoring brings, and comes after it.
CHECKED = [*NAMES, "+".join(["cpu-demo", "monitoring", *unused_components()])]


if __name__ == "__main__":
    print(*map(rendered_text, sys.argv[1:]) if sys.argv[1:] else CHECKED, sep="\n")
