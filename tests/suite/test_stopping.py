"""Ctrl-C, as the last that happens to a suite that has answered."""

import signal
import urllib.request

import pytest

from tests.suite.running_suite import is_alive

pytestmark = pytest.mark.suite


def test_interrupt_leaves_no_process_behind(similar_suite):
    children = similar_suite.child_ids()
    assert len(children) == 3
    assert urllib.request.urlopen(f"{similar_suite.url}/ready").status == 200
    assert similar_suite.stop(signal.SIGINT) == 0
    assert not any(map(is_alive, children))
