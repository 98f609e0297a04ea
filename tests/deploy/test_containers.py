"""What the images hold."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = sorted((ROOT / "deploy" / "containers").glob("*.Containerfile"))


def installed(image: Path) -> dict[str, set[str]]:
    """Returns the extras of each service that an image installs."""
    command = re.findall(r"^RUN sh install\.sh ((?:.*\\\n)*.*)$", image.read_text(), re.MULTILINE)
    packages = re.findall(r"services/(\w+)(?:\[([\w,]+)\])?", command[0])
    return {name: set(filter(None, extras.split(","))) for name, extras in packages}


def offered(service: str) -> set[str]:
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())
    return set(project["project"].get("optional-dependencies", {}))


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_images_have_what_any_setting_needs(image: Path) -> None:
    held = installed(image)
    assert held["common"] == {"otlp"}  # torch comes first and from elsewhere
    assert held.get("web", offered("web")) == offered("web")


def test_every_service_has_an_image() -> None:
    own = {image.stem: set(installed(image)) - {"common"} for image in IMAGES}
    assert own == {
        "encoder": {"encoder"},
        "generator": {"generator"},
        "web": {"web"},
        "suite": {"encoder", "generator", "web"},
    }


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_no_link_leads_out_of_what_is_copied(image: Path) -> None:
    stage = image.read_text().rpartition("\nFROM ")[2]
    for source in re.findall(r"^COPY (?!--from)(\S+) \S+$", stage, re.MULTILINE):
        folder = ROOT / source
        links = [path for path in folder.rglob("*") if path.is_symlink()]
        assert all(path.resolve().is_relative_to(folder) for path in links), source


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_versions_are_those_that_were_tested(image: Path) -> None:
    pinned = {
        line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    for options in re.findall(r"pip .*install .*\\\n\s+(.*)", image.read_text()):
        assert "--constraint constraints.txt" in options
        packages = options.partition("constraints.txt ")[2].split()
        assert all("==" in package or package in pinned for package in packages)


@pytest.mark.parametrize("service, port", [("encoder", 50051), ("generator", 50052)])
def test_health_is_asked_where_no_certificate_is_needed(service: str, port: int) -> None:
    image = (ROOT / "deploy" / "containers" / f"{service}.Containerfile").read_text()
    (command,) = re.findall(r"^HEALTHCHECK .*\\\n  CMD (.*)$", image, re.MULTILINE)

    def asked(**environment: str) -> str:
        told = f'python3() {{ echo "$3"; }}\n{command}'
        given = {"PATH": os.environ["PATH"], **environment}
        return subprocess.run(
            ["sh", "-c", told], env=given, capture_output=True, text=True, check=True
        ).stdout.strip()

    name = f"SIGHTLINE_{service.upper()}"
    assert asked() == f"127.0.0.1:{port}"
    assert asked(**{f"{name}_PORT": "1"}) == "127.0.0.1:1"
    assert asked(**{f"{name}_PORT": "1", f"{name}_HEALTH_PORT": "2"}) == "127.0.0.1:2"
