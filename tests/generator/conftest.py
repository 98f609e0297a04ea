"""Checkpoints that all tests of the generator share."""

from __future__ import annotations

import pytest
import torch

from tests.generator import harness, tiny
from tests.generator.harness import Ours, Theirs

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return tiny.build_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_ours(tiny_folder):
    return Ours(tiny_folder, torch.float64)


@pytest.fixture(scope="session")
def tiny_theirs(tiny_folder):
    return Theirs(tiny_folder, torch.float64)


@pytest.fixture(scope="session")
def nano_ours():
    return Ours(tiny.NANO, torch.float64)


@pytest.fixture(scope="session")
def nano_theirs():
    return Theirs(tiny.NANO, torch.float64)


@pytest.fixture(params=["in turn", "overlapped"])
def in_both_modes(request, monkeypatch):
    """Runs a test with steps one after the other, and with the next scheduled meanwhile."""
    monkeypatch.setattr(harness, "OVERLAP", request.param == "overlapped")


@pytest.fixture(params=["in turn", "overlapped", "captured"])
def in_all_modes(request, monkeypatch):
    """Like `in_both_modes`, and overlapped with decoding steps of some sizes captured."""
    monkeypatch.setattr(harness, "OVERLAP", request.param != "in turn")
    monkeypatch.setattr(harness, "GRAPH_SIZES", [1, 4] if request.param == "captured" else [])
