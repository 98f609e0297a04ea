"""Rules for every test: a forbidden skip is a failure."""

import os

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

# No test may reach out; transformers otherwise asks its hub about folders.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test judges time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _skips_forbidden():
        report.outcome = "failed"
        report.longrepr = f"skipped where skips are forbidden: {report.longrepr}"
    return report


def _skips_forbidden():
    return os.environ.get("SIGHTLINE_FORBID_SKIPS") == "1"


class _FileScheduling(LoadScopeScheduling):
    """Gives whole files to workers, and to one of them all that share running services."""

    def _split_scope(self, nodeid):
        path = nodeid.partition("::")[0]
        if path.startswith(("tests/suite/", "tests/clients/")):
            return "tests/suite"
        return "tests/chaos" if path.startswith("tests/chaos/") else path


def pytest_xdist_make_scheduler(config, log):
    # Else files of few tests come last, and these are the long ones: a worker would wait for them.
    config.option.loadscopereorder = False
    return _FileScheduling(config, log)


@pytest.fixture(scope="session")
def suite(tmp_path_factory):
    """The running suite, one for all tests of a process that ask for it."""
    from tests.suite.running_suite import running_suite

    with running_suite(tmp_path_factory.mktemp("suite")) as suite:
        yield suite


@pytest.fixture(scope="session")
def cuda():
    """The first GPU; tests that ask for it are marked gpu."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no NVIDIA GPU")
    return torch.device("cuda:0")
