"""The process: what it says and how it ends."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager

from sightline.generator.v1 import generator_pb2_grpc
from sightline_common.errors import EngineFailedError
from sightline_generator import __main__ as entry

from tests.generator.scripted_encoder import ScriptedEncoder, serving

REFUSED = 2
TIMEOUT_S = 60


@asynccontextmanager
async def process(folder, **environ):
    """Starts a generator whose log lines are read from the yielded process."""
    settings = {
        "SIGHTLINE_MODEL": str(folder),
        "SIGHTLINE_GENERATOR_PORT": "0",
        "SIGHTLINE_GENERATOR_THREADS": "1",
        "SIGHTLINE_GENERATOR_KV_CACHE_BYTES": "1000000",
        **environ,
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sightline_generator",
        env={**os.environ, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def events_until(running, event):
    async for line in running.stderr:
        if json.loads(line)["event"].startswith(event):
            return json.loads(line)
    raise AssertionError(f"the process ended without {event!r}")


async def test_another_encoder_checkpoint_is_refused_at_start(tiny_folder):
    async with serving(ScriptedEncoder()) as encoder:
        target = f"127.0.0.1:{encoder.port}"
        async with process(tiny_folder, SIGHTLINE_ENCODER_TARGET=target) as running:
            refused = await events_until(running, "cannot start")
            assert "need one SIGHTLINE_MODEL" in refused["event"]
            assert await running.wait() == REFUSED


async def test_stop_while_waiting_for_the_encoder_ends_cleanly(tiny_folder):
    async with process(tiny_folder, SIGHTLINE_ENCODER_TARGET="127.0.0.1:1") as running:
        await events_until(running, "waiting for the encoder")
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0


async def test_bad_setting_is_refused_in_one_line(tiny_folder):
    async with process(tiny_folder, SIGHTLINE_GENERATOR_DTYPE="float7") as running:
        # Whoever mistyped does not wait until torch is loaded.
        [refused] = [json.loads(line) async for line in running.stderr]
        assert "SIGHTLINE_GENERATOR_DTYPE" in refused["event"]
        assert await running.wait() == REFUSED


def test_dead_engine_ends_the_process(monkeypatch):
    @asynccontextmanager
    async def opener(_settings, on_death, _registry):
        asyncio.get_running_loop().call_soon(on_death, EngineFailedError("It died."))
        yield generator_pb2_grpc.GeneratorServiceServicer()

    monkeypatch.setenv("SIGHTLINE_GENERATOR_PORT", "0")
    monkeypatch.setattr(entry, "configure_logging", lambda *_arguments: None)
    monkeypatch.setattr(entry, "_import_opener", lambda: opener)
    assert entry.main() == entry.DIED
