import pytest

from tests.chaos.fleet import running_fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    """One fleet for all tests; `test_sigterm`, the last, ends some of it in order."""
    with running_fleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running
