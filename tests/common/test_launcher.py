import asyncio
import signal
import sys

import pytest
from sightline_common.child_process import say
from sightline_common.launcher import (
    DRAIN_VARIABLES,
    STOP_GRACE_S,
    LauncherSettings,
    _children,
    _stop_on_signals,
)
from sightline_common.malloc import MALLOC_VARIABLES
from sightline_common.server import STOP_GRACE_S as LAST_WORDS_S


@pytest.fixture
def hang_up():
    """Restores what a test does about SIGHUP."""
    before = signal.getsignal(signal.SIGHUP)
    yield lambda disposition: signal.signal(signal.SIGHUP, disposition)
    signal.signal(signal.SIGHUP, before)


async def handled(disposition, hang_up):
    hang_up(disposition)
    _stop_on_signals()
    now = signal.getsignal(signal.SIGHUP)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)
    return now is not disposition


async def test_closed_terminal_stops_the_suite_unless_nohup_says_otherwise(hang_up):
    assert await handled(signal.SIG_DFL, hang_up)
    assert not await handled(signal.SIG_IGN, hang_up)


def test_terminal_that_is_gone_stops_nothing(monkeypatch):
    class Gone:
        def write(self, _text):
            raise OSError("Input/output error")

    monkeypatch.setattr(sys, "stdout", Gone())
    say("encoder", "ready")


def test_services_get_both_malloc_variables_unless_they_are_set():
    mmap, trim = MALLOC_VARIABLES
    for child in _children(LauncherSettings(), {trim: "1"}):
        assert child._environ[mmap] == MALLOC_VARIABLES[mmap]
        assert child._environ[trim] == "1"


def test_services_end_what_runs_before_they_are_killed():
    for variable in DRAIN_VARIABLES:
        for child in _children(LauncherSettings(), {}):
            assert float(child._environ[variable]) + LAST_WORDS_S < STOP_GRACE_S
        for child in _children(LauncherSettings(), {variable: "1"}):
            assert child._environ[variable] == "1"


def test_services_do_not_spin_at_barriers_unless_told_to():
    for asked, expected in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        for child in _children(LauncherSettings(), asked):
            assert child._environ["OMP_WAIT_POLICY"] == expected
