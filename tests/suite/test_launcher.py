"""`make run` as a person sees it."""

import json
import os
import shutil
import signal
import socket

import pytest

from tests.suite.running_suite import NANO, START_TIMEOUT_S, is_alive, launch

pytestmark = pytest.mark.suite


def other_checkpoint(folder):
    """Copies nano with one more setting, which makes another fingerprint."""
    copy = folder / "other"
    shutil.copytree(NANO, copy)
    config = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps({**config, "temperature": 0.5}))
    return copy


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminate_or_closed_terminal_while_loading_ends_promptly(tmp_path, number):
    suite = launch(tmp_path)
    suite.wait_for_line(r"encoder ")
    children = suite.child_ids()
    assert suite.stop(number) == 0
    assert not any(map(is_alive, children))


def test_a_death_is_reported_by_name_and_ends_the_suite(tmp_path):
    suite = launch(tmp_path)
    suite.wait_for_line(r"encoder ")
    children = suite.child_ids()
    os.kill(children[0], signal.SIGKILL)
    assert suite.process.wait(timeout=30) == 1
    assert "encoder ended with status -9" in suite.output.read_text()
    assert not any(map(is_alive, children))


def test_taken_port_is_named_with_its_setting(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        suite = launch(tmp_path, SIGHTLINE_WEB_PORT=str(taken.getsockname()[1]))
        assert suite.process.wait(timeout=30) == 1
    assert "SIGHTLINE_WEB_PORT" in suite.output.read_text()


def test_missing_model_is_named(tmp_path):
    suite = launch(tmp_path, SIGHTLINE_MODEL=str(tmp_path / "nothing"))
    assert suite.process.wait(timeout=60) == 1
    assert "nothing" in suite.output.read_text()


def test_encoder_of_another_checkpoint_is_refused(suite, tmp_path):
    launched = launch(
        tmp_path,
        SIGHTLINE_MODEL=str(other_checkpoint(tmp_path)),
        SIGHTLINE_ENCODER_TARGET=suite.encoder,
    )
    assert launched.process.wait(timeout=START_TIMEOUT_S) == 1
    assert "generator ended with status 2" in launched.output.read_text()
