from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager, suppress

import pytest


@asynccontextmanager
async def started(environ):
    """Yields a service's process, which ends with the block at the latest."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sightline_encoder",
        env={**os.environ, "SIGHTLINE_ENCODER_PORT": "0", **environ},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_event(process, event):
    events = []
    while line := await process.stderr.readline():
        events.append(json.loads(line)["event"])
        if events[-1] == event:
            return events
    raise AssertionError(f"ended without {event!r}: {events}")


async def test_process_loads_says_so_and_stops_on_sigterm(tiny_folder, tmp_path):
    # A usual checkpoint needs no transformers, whose import takes longer than the rest.
    (tmp_path / "transformers.py").write_text("raise SystemExit('imported')")
    environ = {"SIGHTLINE_MODEL": str(tiny_folder), "PYTHONPATH": str(tmp_path)}
    async with started(environ) as process, asyncio.timeout(120):
        events = await until_event(process, "ready")
        process.send_signal(signal.SIGTERM)
        rest = await process.stderr.read()

        assert await process.wait() == 0
    assert events.index("loading vision tower") < events.index("loaded warm-up")
    assert b"Traceback" not in rest


async def test_a_damaged_video_processor_ends_the_start_with_its_name(tiny_folder, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_folder, folder)
    (folder / "video_preprocessor_config.json").write_text('{"fps": "two"}')
    environ = {"SIGHTLINE_MODEL": str(folder)}
    async with started(environ) as process, asyncio.timeout(120):
        _, output = await process.communicate()

    last = json.loads(output.splitlines()[-1])
    assert process.returncode == 2
    assert "fps" in last["event"] and "video_preprocessor_config.json" in last["event"]
    assert b"Traceback" not in output


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"SIGHTLINE_ENCODER_PORT": "many"}, "SIGHTLINE_ENCODER_PORT"),
        ({"SIGHTLINE_MODEL": "{empty}"}, "config.json"),
    ],
    ids=["setting", "checkpoint"],
)
async def test_impossible_start_ends_with_one_clear_line_and_code_2(environ, message, tmp_path):
    filled = {name: value.replace("{empty}", str(tmp_path)) for name, value in environ.items()}
    async with started(filled) as process, asyncio.timeout(120):
        _, output = await process.communicate()

    last = json.loads(output.splitlines()[-1])
    assert process.returncode == 2
    assert last["level"] == "error" and message in last["event"]
    assert b"Traceback" not in output
