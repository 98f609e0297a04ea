"""One tiny checkpoint for all tests of the encoder."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest
import torch
from sightline_common.checkpoint import Checkpoint

from tests.encoder import tiny

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    tiny.build_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_folder):
    return tiny.load_tiny(Checkpoint(tiny_folder))


@pytest.fixture
async def served(tiny_model):
    """A served encoder that must hold nothing when the test is over."""
    async with tiny.running_encoder(tiny_model) as running:
        yield running
        assert running.encoder.cache.num_pinned == 0
        running.encoder.cache.check_integrity()
        assert running.uploads.num_bytes == 0


@pytest.fixture
def full_folder(tmp_path, monkeypatch):
    """A disk with room for a few blocks: a real one if this machine lets us mount it."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16384", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    if not is_mounted:
        monkeypatch.setattr("sightline_encoder.entry_file._part", _no_space)
    yield folder
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True)


def _no_space(folder):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
