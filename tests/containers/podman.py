"""Podman as tests need it: containers, and the pods of rendered manifests."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import yaml

READY_S = 180.0


def podman(*arguments: str, text: str | None = None) -> str:
    """Runs one command of podman's and returns what it printed."""
    command = ["podman", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def log_of(container: str) -> str:
    """Returns what a container wrote, on both streams."""
    command = ["podman", "logs", container]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    return done.stdout


def wait_until_ready(url: str) -> None:
    """Waits until GET answers 200; a container that is still starting resets connections."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, f"{url} was not ready after {READY_S:g} s"
            time.sleep(0.5)
        else:
            return


@contextmanager
def running(image: str, *options: str) -> Iterator[str]:
    """Yields the name of a container that is removed at the end, whatever happens."""
    name = podman("run", "--detach", *options, image)
    try:
        yield name
    finally:
        podman("rm", "--force", name)


@contextmanager
def network(name: str) -> Iterator[str]:
    podman("network", "create", name)
    try:
        yield name
    finally:
        podman("network", "rm", "--force", name)


@contextmanager
def playing(objects: list[dict[str, Any]], on: str, alias: str) -> Iterator[None]:
    """Runs a Deployment and what it mounts; others on the network reach it as `alias`."""
    text = yaml.safe_dump_all(objects)
    try:
        podman("play", "kube", "--network", f"{on}:alias={alias}", "-", text=text)
        yield
    finally:
        with ExitStack() as remains:
            for each in objects:
                if each["kind"] == "PersistentVolumeClaim":
                    remains.callback(podman, "volume", "rm", each["metadata"]["name"])
            podman("play", "kube", "--down", "-", text=text)
