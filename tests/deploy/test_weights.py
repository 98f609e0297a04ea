"""The download of weights: one commit of the hub's, whole or not at all."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.manifests import Overlay, rendered

REVISION = "411bb4d"
HUB = """#!/bin/sh
while [ "$1" != --local-dir ]; do shift; done
mkdir -p "$2" && echo "$WEIGHTS_REVISION" >"$2/config.json"
echo called >>"$CALLS"
exit "$HUB_STATUS"
"""


@pytest.fixture(scope="module")
def overlay() -> Overlay:
    return rendered("single-gpu")


def revision_of(container: dict[str, Any], overlay: Overlay) -> str:
    """Follows the environment's reference to the ConfigMap that names the commit."""
    given = {each["name"]: each for each in container["env"]}
    reference = given["WEIGHTS_REVISION"]["valueFrom"]["configMapKeyRef"]
    (data,) = (
        each["data"]
        for each in overlay.of_kind("ConfigMap")
        if each["metadata"]["name"] == reference["name"]
    )
    return str(data[reference["key"]])


def test_one_commit_is_fetched_and_served(overlay: Overlay) -> None:
    containers = dict(overlay.containers())
    revisions = {
        revision_of(containers[f"sightline-{name}"], overlay)
        for name in ("weights", "encoder", "generator")
    }
    (revision,) = revisions
    assert re.fullmatch("[0-9a-f]{40}", revision)


def test_services_read_the_folder_that_the_download_leaves(overlay: Overlay) -> None:
    for name, container in overlay.containers():
        if name in {"sightline-encoder", "sightline-generator"}:
            names = [each["name"] for each in container["env"]]
            # Kubernetes puts in only what stands before.
            assert names.index("WEIGHTS_REVISION") < names.index("SIGHTLINE_MODEL")
            (model,) = (e["value"] for e in container["env"] if e["name"] == "SIGHTLINE_MODEL")
            assert model == "/weights/$(WEIGHTS_REVISION)/GLM-4.6V-Flash"


def test_weights_have_their_name_when_they_are_whole(overlay: Overlay, tmp_path: Path) -> None:
    (command,) = (
        container["command"] for name, container in overlay.containers() if "weights" in name
    )
    (tmp_path / "hf").write_text(HUB)
    (tmp_path / "hf").chmod(0o755)
    model, calls = tmp_path / "weights" / REVISION / "GLM-4.6V-Flash", tmp_path / "calls"

    def download(status: int) -> int:
        script = command[2].replace("/weights", str(tmp_path / "weights"))
        environ = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "WEIGHTS_REVISION": REVISION,
            "HUB_STATUS": str(status),
            "CALLS": str(calls),
        }
        return subprocess.run([*command[:2], script], env=environ, check=False).returncode

    assert download(1) == 1
    assert not model.exists()
    assert download(0) == 0
    assert (model / "config.json").read_text() == f"{REVISION}\n"
    assert download(1) == 0
    assert calls.read_text().count("called") == 2
