import asyncio
import json
import os
from textwrap import dedent

import pytest
from sightline_common.child_process import ChildProcess, readable_line


@pytest.fixture
def make_child(tmp_path):
    def make(code):
        (tmp_path / "child_module.py").write_text(dedent(code))
        environ = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}

        async def never_ready():
            return False

        return ChildProcess("child", "child_module", environ, never_ready)

    return make


async def test_status_and_last_words_are_kept(make_child, capsys):
    child = make_child("import sys; print('out of luck'); sys.exit(3)")
    await child.start()
    assert await child.wait_dead() == 3
    assert child.tail[-1] == "out of luck"
    assert "child      out of luck" in capsys.readouterr().out


async def test_endless_line_is_dropped_and_what_follows_is_read(make_child):
    child = make_child("print('x' * 300_000); print('after')")
    await child.start()
    async with asyncio.timeout(20):
        assert await child.wait_dead() == 0
    assert child.tail[-1] == "after"


async def test_stop_ends_a_child_that_ignores_sigterm(make_child):
    child = make_child(
        """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        time.sleep(60)
        """
    )
    await child.start()
    while "deaf" not in child.tail:
        await asyncio.sleep(0.01)
    await child.stop(grace_s=0.2)
    assert await child.wait_dead() == -9


async def test_stop_after_death_is_harmless(make_child):
    child = make_child("pass")
    await child.start()
    await child.wait_dead()
    await child.stop(grace_s=1)


def test_log_record_becomes_a_readable_line():
    record = {"time": "t", "level": "info", "service": "x", "event": "ready", "port": 5}
    assert readable_line(json.dumps(record)) == "ready port=5"


def test_other_output_stays_as_it_is():
    for line in ("Traceback (most recent call last):", "[1, 2]", "{}"):
        assert readable_line(line) == line
