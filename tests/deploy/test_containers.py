"""What the images hold."""

from __future__ import annotations

import re
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
