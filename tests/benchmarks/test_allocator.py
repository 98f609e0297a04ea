import os

import pytest
from sightline_common.malloc import MALLOC_VARIABLES

from benchmarks.allocator import restart_as_deployed, restart_with_defaults


@pytest.fixture
def restarted(monkeypatch):
    """The environments of the starts that took this process's place."""
    environments = []
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "execve", lambda path, argv, env: environments.append(env))
    return environments


def test_defaults_know_no_variable_of_the_allocator(restarted, monkeypatch):
    given = {**MALLOC_VARIABLES, "MALLOC_ARENA_MAX": "1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    restart_with_defaults()
    [environment] = restarted
    assert environment == {name: os.environ[name] for name in os.environ.keys() - given.keys()}


def test_deployed_variables_are_added_and_given_ones_stay(restarted, monkeypatch):
    one, other = MALLOC_VARIABLES
    monkeypatch.setenv(one, "1")
    restart_as_deployed()
    [environment] = restarted
    assert (environment[one], environment[other]) == ("1", MALLOC_VARIABLES[other])


def test_process_that_is_as_wanted_goes_on(restarted, monkeypatch):
    restart_with_defaults()
    for name, value in MALLOC_VARIABLES.items():
        monkeypatch.setenv(name, value)
    restart_as_deployed()
    assert restarted == []
