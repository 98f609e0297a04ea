"""The images, built as docs/containers.md says, answer what the README asks.

`make test-images` runs this after it built them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from sightline_common import __version__

from tests.containers.podman import log_of, network, playing, podman, running, wait_until_ready
from tests.deploy.manifests import rendered
from tests.suite.test_readme import readmes_curl
from tests.suite.test_truth import TRUTH, shapes_of

pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed"),
]
SAME_SITE = {"Origin": "http://127.0.0.1:8080"}
SUITE = f"localhost/sightline:{__version__}"
URL = "http://127.0.0.1:8080"
PODS = ("sightline-encoder", "sightline-generator", "sightline-web")
BASE_NAME = '{{index .Config.Labels "org.opencontainers.image.base.name"}}'
SEARCH_TORCH = "from importlib.util import find_spec; print(find_spec('torch'))"
COMPILED = (
    "tower is computed by compiled kernels",
    r"attention chosen\W+attention\W+paged-cpu",
)
WEB_ABOVE_ITS_BASE = 200_000_000  # bytes


def answer() -> list[str]:
    """Types the README's command and returns which shapes the answer names."""
    reply = subprocess.run(["sh", "-c", readmes_curl(URL)], capture_output=True, check=True)
    return shapes_of(json.loads(reply.stdout)["choices"][0]["message"]["content"])


def notebook(container: str) -> str:
    """Runs the notebook in the image's own Jupyter and returns it with its outputs."""
    execute = ["/opt/jupyter/bin/jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout"]
    path = "/srv/notebooks/quickstart.ipynb"
    return podman("exec", "--env", "PYTHONPATH=/opt/protos", container, *execute, path)


def begin_conversation() -> str:
    """Asks something on the page and returns the conversation's address."""
    reply = httpx2.post(f"{URL}/c", data={"text": "Is anybody there?"}, headers=SAME_SITE)
    assert reply.status_code == 303
    return URL + str(reply.headers["location"])


def assert_compiled(log: str) -> None:
    """Says whether the kernels of both services could be compiled, written and loaded."""
    for words in COMPILED:
        assert re.search(words, log), words
    assert "pictures are resampled by Pillow" not in log


def size(image: str) -> int:
    return int(podman("image", "inspect", "--format", "{{.Size}}", image))


def test_suites_data_survive_the_replacement_of_its_container(tmp_path: Path) -> None:
    options = ("-p", "127.0.0.1:8080:8080", "-v", f"{tmp_path}:/root/data")
    with running(SUITE, *options) as first:
        wait_until_ready(f"{URL}/ready")
        assert answer() == shapes_of(TRUTH["shapes.png"])
        assert_compiled(log_of(first))
        assert "A red circle at the top left" in notebook(first)
        conversation = begin_conversation()
        podman("stop", "--time", "60", first)
        assert podman("inspect", "--format", "{{.State.ExitCode}}", first) == "0"
    with running(SUITE, *options):
        wait_until_ready(f"{URL}/ready")
        assert "Is anybody there?" in httpx2.get(conversation).text
        assert answer() == shapes_of(TRUTH["shapes.png"])


def test_image_of_web_is_small_and_holds_no_torch() -> None:
    image = f"localhost/sightline-web:{__version__}"
    base = podman("image", "inspect", "--format", BASE_NAME, image)
    assert size(image) - size(base) <= WEB_ABOVE_ITS_BASE
    command = ("run", "--rm", "--entrypoint", "python3", image, "-c", SEARCH_TORCH)
    assert podman(*command) == "None"


@pytest.fixture
def cluster() -> Iterator[None]:
    """The overlay cpu-demo, its Deployments as pods of podman's on one network."""
    objects = rendered("cpu-demo")
    mounted = objects.of_kind("ConfigMap", "PersistentVolumeClaim")
    deployments = {each["metadata"]["name"]: each for each in objects.of_kind("Deployment")}
    with ExitStack() as stack:
        on = stack.enter_context(network("sightline-test"))
        for name in PODS:
            mine = [*mounted, deployments[name]] if name == PODS[-1] else [deployments[name]]
            stack.enter_context(playing(mine, on, alias=name))
        wait_until_ready(f"{URL}/ready")
        yield


@pytest.mark.usefixtures("cluster")
def test_overlay_for_cpus_answers_on_podman() -> None:
    assert answer() == shapes_of(TRUTH["shapes.png"])
    assert_compiled(
        "".join(log_of(f"{name}-pod-0-{name.removeprefix('sightline-')}") for name in PODS)
    )
