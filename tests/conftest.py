"""Rules for every test: a forbidden skip is a failure."""

import os

import pytest

# No test may reach out; transformers otherwise asks its hub about folders.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _skips_forbidden():
        report.outcome = "failed"
        report.longrepr = f"skipped where skips are forbidden: {report.longrepr}"
    return report


def _skips_forbidden():
    return os.environ.get("SIGHTLINE_FORBID_SKIPS") == "1"


@pytest.fixture(scope="session")
def cuda():
    """The first GPU; tests that ask for it are marked gpu."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no NVIDIA GPU")
    return torch.device("cuda:0")
